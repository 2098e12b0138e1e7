"""The buttons beside a contact's pictures: pin, unpin, block, unblock, fetch again."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from contacts.models import Contact, ContactPicture
from media_store.models import PhotoJob
from tests.admin.rows import make_member
from tests.factories import make_contact, make_picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    return make_member("carol")


@pytest.fixture
def browser(client: Client, member: User) -> Client:
    client.force_login(member)
    return client


@pytest.fixture
def picture(member: User) -> ContactPicture:
    return make_picture(make_contact(member))


def decide(browser: Client, contact: Contact, decision: str) -> Any:
    return browser.post(reverse("admin:contacts_contact_picture", args=[contact.pk]), {"decision": decision})


def page_of(browser: Client, contact: Contact) -> str:
    return str(browser.get(reverse("admin:contacts_contact_change", args=[contact.pk])).content.decode())


@pytest.mark.parametrize(
    ("before", "verb", "after"),
    [
        ({}, "pin", (True, False)),
        ({"pinned": True}, "unpin", (False, False)),
        ({"pinned": True}, "block", (False, True)),
        ({"blocked": True}, "unblock", (False, False)),
        ({"blocked": True}, "pin", (True, False)),
    ],
)
def test_a_button_does_what_it_says(
    browser: Client, picture: ContactPicture, before: dict[str, bool], verb: str, after: tuple[bool, bool]
) -> None:
    ContactPicture.objects.update(**before)
    page = page_of(browser, picture.contact)
    assert f'value="{verb}:{picture.pk}"' in page
    assert 'form="picture-decision"' in page
    response = decide(browser, picture.contact, f"{verb}:{picture.pk}")
    assert response.headers["Location"].endswith(f"/{picture.contact_id}/change/#pictures")
    picture.refresh_from_db()
    assert (picture.pinned, picture.blocked) == after


def test_only_one_picture_is_pinned(browser: Client, picture: ContactPicture) -> None:
    other = make_picture(picture.contact, source="vcard")
    for each in (picture, other):
        decide(browser, picture.contact, f"pin:{each.pk}")
    assert list(ContactPicture.objects.filter(pinned=True)) == [other]


def test_fetching_again_asks_the_source_and_keeps_the_picture(browser: Client, picture: ContactPicture) -> None:
    decide(browser, picture.contact, f"refresh:{picture.pk}")
    job = PhotoJob.objects.get()
    assert (job.state, bool(job.file)) == ("pending", True)


def test_a_picture_that_is_blocked_or_uploaded_is_not_asked_for(browser: Client, picture: ContactPicture) -> None:
    upload = make_picture(picture.contact, source="upload")
    ContactPicture.objects.filter(pk=picture.pk).update(blocked=True)
    page = page_of(browser, picture.contact)
    assert f'value="refresh:{picture.pk}"' not in page
    assert f'value="refresh:{upload.pk}"' not in page


@pytest.mark.parametrize("decision", ["", "pin", "pin:", "pin:x", "delete:{pk}", "pin:0", "pin:99999999999999999999"])
def test_what_makes_no_sense_is_not_found(browser: Client, picture: ContactPicture, decision: str) -> None:
    assert decide(browser, picture.contact, decision.format(pk=picture.pk)).status_code == 404


def test_nothing_is_done_by_looking(browser: Client, picture: ContactPicture) -> None:
    url = reverse("admin:contacts_contact_picture", args=[picture.contact_id])
    assert browser.get(url, {"decision": f"pin:{picture.pk}"}).status_code == 405
    assert not ContactPicture.objects.filter(pinned=True).exists()


def test_a_foreign_picture_is_out_of_reach_also_through_ones_own_contact(
    browser: Client, member: User, other_owner: User
) -> None:
    foreign, mine = make_picture(make_contact(other_owner)), make_contact(member, "Mine")
    for contact in (foreign.contact, mine):
        assert decide(browser, contact, f"block:{foreign.pk}").status_code == 404
    foreign.refresh_from_db()
    assert not foreign.blocked


def test_who_may_only_look_decides_nothing(client: Client, member: User, picture: ContactPicture) -> None:
    member.groups.clear()
    member.user_permissions.set(Permission.objects.filter(codename__in=["view_contact", "view_contactpicture"]))
    client.force_login(User.objects.get(pk=member.pk))
    page = page_of(client, picture.contact)
    assert "media_store" not in page or "picture-decision" not in page.replace('id="picture-decision"', "")
    assert decide(client, picture.contact, f"pin:{picture.pk}").status_code == 403


def test_a_token_is_needed(member: User, picture: ContactPicture) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(member)
    assert decide(strict, picture.contact, f"pin:{picture.pk}").status_code == 403
