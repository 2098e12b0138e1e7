"""A Microsoft mailbox takes four requests at once: contacts, pictures, mail and meetings share them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from config.jobs.draining import drain
from imports.accounts.importing import start_import
from imports.accounts.sessions import api_session
from imports.microsoft.mailbox import Mailbox
from imports.models import ImportJob, ProviderAccount, SyncRun
from imports.sync.running import request_sync
from tests.imports.accounts import make_account
from tests.providers.microsoft import MicrosoftStandIn, microsoft_stand_in

pytestmark = pytest.mark.django_db(transaction=True)

SCOPES = ("User.Read", "Contacts.Read", "Mail.ReadBasic", "Calendars.Read")


def at_the_same_time(*calls: Callable[[], Any]) -> None:
    def do(call: Callable[[], Any]) -> None:
        try:
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        for done in [threads.submit(do, call) for call in calls]:
            done.result()


def test_no_more_than_four_requests_are_made_at_once(owner: User, settings: Any) -> None:
    with microsoft_stand_in(latency=0.3) as microsoft:
        settings.MICROSOFT_GRAPH_URL = microsoft.address
        account = make_account(owner, microsoft)

        def ask() -> None:
            with Mailbox(account) as mailbox:
                mailbox.get("/me/contactFolders")

        at_the_same_time(*[ask] * 8)
    assert microsoft.peak == 4
    assert microsoft.count("folders") == 8


def test_contacts_mail_and_meetings_of_two_people_with_one_mailbox_share_its_places(
    owner: User, other_owner: User, settings: Any
) -> None:
    with microsoft_stand_in(latency=0.2) as microsoft:
        settings.MICROSOFT_GRAPH_URL = microsoft.address
        for person in (owner, other_owner):
            account = make_account(person, microsoft, scopes=SCOPES, is_mail_synced=True, is_calendar_synced=True)
            start_import(account, has_preview=False)
            for kind in (SyncRun.Kind.MAIL, SyncRun.Kind.CALENDAR):
                request_sync(account, kind=kind)
        drains = [lambda: drain("sync", is_ringing=False)] * 4 + [lambda: drain("imports", is_ringing=False)] * 2
        at_the_same_time(*drains)
    assert microsoft.peak == 4
    assert set(SyncRun.objects.values_list("state", flat=True)) == {"completed"}
    assert set(ImportJob.objects.values_list("state", "total")) == {("completed", 25)}
    assert set(ProviderAccount.objects.values_list("paused_until")) == {(None,)}


def test_a_thread_that_only_fetches_takes_its_place_too_and_leaves_no_connection(
    owner: User, microsoft: MicrosoftStandIn
) -> None:
    account = make_account(owner, microsoft)
    left: list[object] = []

    def ask() -> None:
        session.get("/v1.0/me/contactFolders")
        left.append(connection.connection)

    with api_session(account, base_url=microsoft.address) as session:
        at_the_same_time(*[ask] * 5)
    assert left == [None] * 5
    assert microsoft.peak <= 4
