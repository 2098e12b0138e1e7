"""Google Calendar and Outlook calendars against the stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User

from config.jobs.draining import drain
from contacts.models import CommunicationEvent
from imports.models import ProviderAccount, SyncRun
from imports.sync import google_calendar
from imports.sync.running import request_sync
from tests.factories import make_contact, make_user
from tests.imports.accounts import make_account
from tests.providers import faults
from tests.providers.google import GoogleStandIn
from tests.providers.google_calendar import CALENDAR
from tests.providers.mailbox import START, Appointment
from tests.providers.microsoft import MicrosoftStandIn
from tests.providers.oauth import OAuthStandIn

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = START + HOUR
ADA = "ada@example.com"


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def owner() -> User:
    owner = make_user("alice")
    make_contact(owner, "Ada", email=ADA)
    return owner


@pytest.fixture(params=["google", "microsoft"])
def stand_in(request: pytest.FixtureRequest) -> Any:
    """Either provider: what is said here holds for both."""
    return request.getfixturevalue(request.param)


def connect(owner: User, stand_in: OAuthStandIn) -> ProviderAccount:
    scopes = (CALENDAR,) if isinstance(stand_in, GoogleStandIn) else ("User.Read", "Calendars.Read")
    return make_account(owner, stand_in, scopes=scopes, is_calendar_synced=True)


def add(stand_in: Any, **fields: Any) -> int:
    people = ((stand_in.accounts[0], "accepted"), (ADA, "accepted"))
    number: int = stand_in.calendar().add(Appointment(**{"starts_at": NOW + DAY, "people": people, **fields}))
    return number


def sync(account: ProviderAccount) -> SyncRun:
    account.refresh_from_db()
    run = request_sync(account, kind=SyncRun.Kind.CALENDAR)
    assert run is not None
    drain("sync", seconds=None, is_ringing=False)
    run.refresh_from_db()
    assert run.state == "completed", run.last_error
    return run


def timeline() -> list[tuple[str, Any]]:
    return list(CommunicationEvent.objects.order_by("happened_at", "kind").values_list("kind", "happened_at"))


def test_past_and_planned_meetings_become_events(owner: User, stand_in: Any) -> None:
    add(stand_in, starts_at=NOW - 5 * DAY)
    add(stand_in, summary="Plans")
    add(stand_in, starts_at=NOW - 300 * DAY)
    run = sync(connect(owner, stand_in))
    assert (run.seen, run.written, run.contacts_matched) == (2, 2, 1)
    assert timeline() == [("meeting", NOW - 5 * DAY), ("meeting", NOW + DAY)]
    assert CommunicationEvent.objects.filter(subject="Plans").count() == 1


def test_only_changes_come_afterwards_and_a_move_and_a_cancellation_are_told(owner: User, stand_in: Any) -> None:
    moved, cancelled = add(stand_in), add(stand_in, starts_at=NOW + 2 * DAY)
    account = connect(owner, stand_in)
    sync(account)
    stand_in.calendar().change(moved, starts_at=NOW + 3 * DAY, changed_at=START)
    stand_in.calendar().change(cancelled, is_cancelled=True, changed_at=START)
    run = sync(account)
    assert run.seen == 2
    assert timeline() == [("meeting_cancelled", START), ("meeting_moved", START), ("meeting", NOW + 3 * DAY)]
    assert sync(account).seen == 0


def test_a_forgotten_place_is_replaced_by_the_window(owner: User, stand_in: Any) -> None:
    add(stand_in)
    account = connect(owner, stand_in)
    sync(account)
    stand_in.forget_calendar_tokens() if isinstance(stand_in, GoogleStandIn) else stand_in.forget_deltas()
    assert (sync(account).written, len(timeline())) == (0, 1)
    assert sync(account).seen == 0


def test_who_has_declined_does_not_meet(owner: User, stand_in: Any) -> None:
    me = stand_in.accounts[0]
    add(stand_in, people=((me, "accepted"), (ADA, "declined")))
    add(stand_in, people=((me, "declined"), (ADA, "accepted")))
    assert sync(connect(owner, stand_in)).written == 0


def test_whole_days_and_meetings_with_oneself_are_no_meetings(owner: User, stand_in: Any) -> None:
    make_contact(owner, "Me", email=stand_in.accounts[0])
    add(stand_in, is_whole_day=True)
    add(stand_in, people=())
    assert sync(connect(owner, stand_in)).written == 0


def test_a_calendar_of_several_pages_is_read_to_its_end(
    owner: User, google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(google_calendar.ALWAYS, "maxResults", 4)
    for number in range(10):
        add(google, starts_at=NOW + number * HOUR)
    run = sync(connect(owner, google))
    assert (run.seen, run.written, google.count("events")) == (10, 10, 3)


def test_a_window_that_runs_out_is_opened_anew(owner: User, microsoft: Any) -> None:
    account = connect(owner, microsoft)
    sync(account)
    with time_machine.travel(NOW + 70 * DAY, tick=True):
        add(microsoft, starts_at=NOW + 100 * DAY)
        ProviderAccount.objects.update(expires_at=NOW + 71 * DAY)
        assert sync(account).written == 1


def test_a_meeting_of_outlook_that_cannot_be_read_costs_only_itself(owner: User, microsoft: MicrosoftStandIn) -> None:
    for day in range(3):
        add(microsoft, starts_at=NOW + (day + 1) * DAY)
    microsoft.fault("calendar", faults.bad_item({"id": "a", "start": "tomorrow"}))
    run = sync(connect(owner, microsoft))
    assert (run.state, CommunicationEvent.objects.count()) == ("completed", 2)
    assert run.errors == [{"reason": "a meeting that cannot be read", "count": 1}]
