"""Who has no contacts yet is shown where some could come from, as far as this server is set up for it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.admin.rows import make_member
from tests.factories import make_contact, make_user
from tests.providers.google import GoogleStandIn

pytestmark = pytest.mark.django_db

CONNECT = "/admin/imports/provideraccount/connect/"
OTHERS = ("/admin/imports/syncrun/mail-server/", "/admin/imports/syncrun/beeper/")


def home(client: Client) -> str:
    return client.get("/admin/").content.decode()


def test_what_is_set_up_can_be_connected_and_the_rest_says_what_is_missing(
    client: Client, google: GoogleStandIn, settings: Any
) -> None:
    settings.MICROSOFT_CLIENT_ID = ""
    client.force_login(make_member("alice"))
    text = home(client)
    for url in ("/admin/imports/importjob/upload/", f"{CONNECT}#google", f'{CONNECT}"', *OTHERS):
        assert url in text
    assert "Connect Google" in text
    assert "Connect Microsoft" not in text
    assert "Set up Microsoft" in text
    assert all(client.get(url).status_code == 200 for url in (CONNECT, *OTHERS))


def test_without_a_key_nothing_is_offered_that_would_need_one(
    client: Client, google: GoogleStandIn, settings: Any
) -> None:
    settings.FIELD_KEYS = []
    client.force_login(make_member("alice"))
    text = home(client)
    assert "Set up Google and Microsoft" in text
    assert not any(url in text for url in OTHERS)


def test_who_has_contacts_is_told_nothing_of_it(client: Client) -> None:
    alice = make_member("alice")
    make_contact(alice, "Ada")
    client.force_login(alice)
    assert "Import a file" not in home(client)


def test_nobody_is_sent_where_they_may_not_go(client: Client) -> None:
    client.force_login(make_user("visitor"))
    text = home(client)
    assert "Nothing waits for you." in text
    assert CONNECT not in text
