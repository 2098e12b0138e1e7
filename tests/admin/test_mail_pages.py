from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from config.jobs.draining import drain
from contacts.models import CommunicationEvent
from imports.models import ProviderAccount, SyncRun
from tests.admin.rows import make_member
from tests.factories import make_contact
from tests.imports.accounts import make_account
from tests.imports.test_mail_file import letter

pytestmark = pytest.mark.django_db

BASE = "/admin/imports/syncrun"


@pytest.fixture
def owner() -> User:
    return make_member("alice")


@pytest.fixture
def web(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def test_a_mail_file_is_handed_in_read_and_gone(web: Client, owner: User) -> None:
    make_contact(owner, email="ada@example.com")
    file = SimpleUploadedFile("archive.mbox", letter().encode())
    answer = web.post(f"{BASE}/file/", {"file": file})
    run = SyncRun.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"{BASE}/{run.pk}/change/")
    assert (run.owner, run.upload_name) == (owner, "archive.mbox")
    drain("sync", seconds=None, is_ringing=False)
    run.refresh_from_db()
    assert (run.state, str(run.upload), CommunicationEvent.objects.count()) == ("completed", "", 1)
    assert "archive.mbox" in web.get(answer["Location"]).content.decode()


def test_what_is_no_mail_file_is_refused_on_the_form(web: Client) -> None:
    answer = web.post(f"{BASE}/file/", {"file": SimpleUploadedFile("letter.txt", b"Dear Ada,\n")})
    assert "A mail file (mbox) begins with" in answer.content.decode()
    assert not SyncRun.objects.exists()


def test_the_past_of_an_account_is_read_from_a_day(web: Client, owner: User) -> None:
    account = make_account(owner)
    answer = web.post(f"{BASE}/past/", {"account": account.pk, "kind": "mail", "since": "2025-01-01"})
    run = SyncRun.objects.get()
    assert answer.status_code == 302
    assert (run.account, run.kind, run.since) == (account, "mail", datetime(2025, 1, 1, tzinfo=UTC))
    again = web.post(f"{BASE}/past/", {"account": account.pk, "kind": "mail", "since": "2025-01-01"})
    assert "is being read at the moment" in again.content.decode()


def test_the_account_of_somebody_else_cannot_be_chosen(web: Client) -> None:
    theirs = make_account(make_member("bob"))
    answer = web.post(f"{BASE}/past/", {"account": theirs.pk, "kind": "mail", "since": "2025-01-01"})
    assert answer.status_code == 200
    assert "bob" not in answer.content.decode()
    assert not SyncRun.objects.exists()


def test_a_mail_server_that_cannot_be_reached_is_said_on_the_form_and_nothing_is_kept(web: Client) -> None:
    server = {"address": "alice@example.com", "host": "127.0.0.1", "port": "1", "password": "secret-word"}
    answer = web.post(f"{BASE}/mail-server/", server).content.decode()
    assert "leads to a network that is not public" in answer
    assert "secret-word" not in answer
    assert not ProviderAccount.objects.exists()


def test_the_pages_need_the_right_to_them(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("eve", password="password", is_staff=True))
    for page in ("file", "past", "mail-server", "mail", "calendar"):
        assert client.get(f"{BASE}/{page}/").status_code == 403
        assert client.post(f"{BASE}/{page}/").status_code == 403
