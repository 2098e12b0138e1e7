"""Gmail and Outlook mail against the stand-ins, which answer as the published schemas say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User

from config.jobs.claiming import claim
from config.jobs.draining import Budget, drain
from contacts.models import CommunicationEvent
from imports.models import ProviderAccount, SyncRun
from imports.sync import gmail, mail
from imports.sync.running import request_sync
from tests.factories import make_contact, make_user
from tests.imports.accounts import make_account
from tests.providers import faults
from tests.providers.gmail import GMAIL
from tests.providers.google import GoogleStandIn
from tests.providers.mailbox import START, Letter, letters
from tests.providers.microsoft import MicrosoftStandIn
from tests.providers.oauth import OAuthStandIn

pytestmark = pytest.mark.django_db

NOW = START + timedelta(hours=20)
GOOGLE, MICROSOFT = (GMAIL,), ("User.Read", "Mail.ReadBasic")


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def owner() -> User:
    owner = make_user("alice")
    for number in range(10):
        make_contact(owner, f"Person {number}", email=f"person{number}@example.com")
    return owner


@pytest.fixture(params=["google", "microsoft"])
def stand_in(request: pytest.FixtureRequest) -> Any:
    """Either provider: what is said here holds for both."""
    return request.getfixturevalue(request.param)


def connect(owner: User, stand_in: OAuthStandIn) -> ProviderAccount:
    scopes = GOOGLE if isinstance(stand_in, GoogleStandIn) else MICROSOFT
    return make_account(owner, stand_in, scopes=scopes, is_mail_synced=True)


def fill(stand_in: Any, count: int, **options: Any) -> None:
    for letter in letters(count, owner=stand_in.accounts[0], **options):
        stand_in.mailbox().add(letter)


def sync(account: ProviderAccount, **options: Any) -> SyncRun:
    account.refresh_from_db()
    run = request_sync(account, kind=SyncRun.Kind.MAIL, **options)
    assert run is not None
    drain("sync", seconds=None, is_ringing=False)
    run.refresh_from_db()
    return run


def events() -> list[CommunicationEvent]:
    return list(CommunicationEvent.objects.order_by("happened_at", "pk"))


def test_the_first_run_brings_the_window_with_directions_threads_and_answers(owner: User, stand_in: Any) -> None:
    fill(stand_in, 6)
    stand_in.mailbox().add(Letter("person1@example.com", (stand_in.accounts[0],), NOW - timedelta(days=3), "Long ago"))
    run = sync(connect(owner, stand_in))
    assert (run.state, run.seen, run.written, run.contacts_matched, run.errors) == ("completed", 6, 6, 2, [])
    first, answer, more, *_ = events()
    assert [event.direction for event in (first, answer, more)] == ["outbound", "inbound", "inbound"]
    assert first.thread_id == answer.thread_id == more.thread_id != ""
    assert (first.answered_at, answer.answer_seconds) == (answer.happened_at, 60)
    assert first.external_id == "letter0@mail.example.com"


def test_the_next_run_asks_only_for_what_is_new(owner: User, stand_in: Any) -> None:
    fill(stand_in, 6)
    account = connect(owner, stand_in)
    sync(account)
    before = len(stand_in.requests)
    fill(stand_in, 3, start=START + timedelta(hours=2))
    again = sync(account)
    assert (again.seen, again.written, len(events())) == (3, 3, 9)
    assert len(stand_in.requests) - before <= 6
    assert sync(account).seen == 0


def test_a_forgotten_place_is_replaced_by_the_window_and_nothing_comes_twice(owner: User, stand_in: Any) -> None:
    fill(stand_in, 6)
    account = connect(owner, stand_in)
    sync(account)
    stand_in.forget_history() if isinstance(stand_in, GoogleStandIn) else stand_in.forget_deltas()
    fill(stand_in, 1, start=START + timedelta(hours=2))
    run = sync(account)
    assert (run.state, run.written, len(events())) == ("completed", 1, 7)
    fill(stand_in, 1, start=START + timedelta(hours=3))
    assert (sync(account).seen, len(events())) == (1, 8)


def test_a_run_that_is_cut_short_goes_on_with_the_next_page(
    owner: User, google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gmail, "PAGE", 4)
    fill(google, 10)
    request_sync(connect(owner, google), kind=SyncRun.Kind.MAIL)
    counts = []
    while claimed := claim(SyncRun, limit=1):
        mail.sync_mail(claimed[0], Budget.of(0))
        counts.append(SyncRun.objects.values_list("seen", "written").get())
    assert counts == [(4, 4), (8, 8), (10, 10)]
    assert google.count("message") == 10


def test_a_sync_of_the_past_begins_where_it_is_told(owner: User, stand_in: Any) -> None:
    fill(stand_in, 3, start=NOW - timedelta(days=300))
    account = connect(owner, stand_in)
    assert sync(account).seen == 0
    assert sync(account, since=NOW - timedelta(days=365)).written == 3


@pytest.mark.parametrize("spoil", [faults.unauthorized, faults.cut, faults.broken])
def test_what_goes_wrong_for_a_moment_costs_nothing(owner: User, stand_in: Any, spoil: Any) -> None:
    fill(stand_in, 6)
    account = connect(owner, stand_in)
    stand_in.fault("messages" if isinstance(stand_in, GoogleStandIn) else "mail", spoil())
    run = sync(account)
    if run.state == "queued":
        SyncRun.objects.update(next_attempt_at=NOW - timedelta(days=1))
        drain("sync", seconds=None, is_ringing=False)
        run.refresh_from_db()
    assert (run.state, run.seen, len(events())) == ("completed", 6, 6)


def test_throttling_waits_as_long_as_the_provider_asks(owner: User, stand_in: Any) -> None:
    fill(stand_in, 3)
    account = connect(owner, stand_in)
    stand_in.fault("messages" if isinstance(stand_in, GoogleStandIn) else "mail", faults.throttled(retry_after=600))
    run = sync(account)
    account.refresh_from_db()
    assert (run.state, run.error_code) == ("queued", "throttled")
    assert account.paused_until is not None
    assert account.paused_until - NOW > timedelta(seconds=590)


def test_a_revoked_account_holds_its_runs_until_it_is_reconnected(owner: User, stand_in: Any) -> None:
    account = connect(owner, stand_in)
    stand_in.revoke()
    run = sync(account)
    account.refresh_from_db()
    assert (run.state, run.held_reason) == ("queued", "needs_reconnect")
    assert account.state == ProviderAccount.State.NEEDS_RECONNECT


def test_spam_drafts_and_lists_are_told_from_letters(owner: User, google: GoogleStandIn) -> None:
    me, when = google.accounts[0], START + timedelta(hours=1)
    for labels in (("SPAM",), ("DRAFT",), ("INBOX", "TRASH")):
        google.mailbox().add(Letter("person0@example.com", (me,), when, labels=labels))
    unsubscribe = (("List-Unsubscribe", "<https://example.com/leave>"),)
    google.mailbox().add(Letter("person1@example.com", (me,), when, headers=unsubscribe))
    sync(connect(owner, google))
    [event] = events()
    assert (event.contact.display_name, event.automated) == ("Person 1", True)


def test_lists_are_told_from_letters_in_outlook_too(owner: User, microsoft: MicrosoftStandIn) -> None:
    me, when = microsoft.accounts[0], START + timedelta(hours=1)
    automatic = (("Auto-Submitted", "auto-replied"),)
    microsoft.mailbox().add(Letter("person1@example.com", (me,), when, headers=automatic))
    microsoft.mailbox().add(Letter("person2@example.com", (me,), when, labels=("DRAFT",)))
    sync(connect(owner, microsoft))
    assert [(event.contact.display_name, event.automated) for event in events()] == [("Person 1", True)]


def test_a_message_that_came_by_two_accounts_is_one(owner: User, google: GoogleStandIn, microsoft: Any) -> None:
    for stand_in in (google, microsoft):
        fill(stand_in, 3)
        sync(connect(owner, stand_in))
    assert len(events()) == 3


def test_a_message_without_a_date_is_left_out_with_the_reason(owner: User, microsoft: MicrosoftStandIn) -> None:
    when = START + timedelta(hours=1)
    microsoft.mailbox().add(Letter("person0@example.com", (microsoft.accounts[0],), when, has_date=False))
    run = sync(connect(owner, microsoft))
    assert (run.seen, run.written, run.errors) == (1, 0, [{"reason": "no date", "count": 1}])


def test_an_account_has_one_run_of_a_kind_at_a_time(owner: User, google: GoogleStandIn) -> None:
    account = connect(owner, google)
    assert request_sync(account, kind=SyncRun.Kind.MAIL) is not None
    assert request_sync(account, kind=SyncRun.Kind.MAIL) is None
    assert request_sync(account, kind=SyncRun.Kind.CALENDAR) is not None


def test_the_database_is_asked_a_few_times_for_each_page(
    owner: User, google: GoogleStandIn, django_assert_max_num_queries: Any
) -> None:
    fill(google, 60)
    request_sync(connect(owner, google), kind=SyncRun.Kind.MAIL)
    with django_assert_max_num_queries(45):
        drain("sync", seconds=None, is_ringing=False)
    assert len(events()) == 60


def test_times_are_the_providers_and_exact(owner: User, google: GoogleStandIn) -> None:
    sent_at = datetime(2026, 3, 1, 9, 0, 5, tzinfo=UTC)
    lying = (("Date", "Fri, 1 Jan 1999 00:00:00 +0000"),)
    google.mailbox().add(Letter("person0@example.com", (google.accounts[0],), sent_at, headers=lying, has_date=False))
    sync(connect(owner, google))
    assert [event.happened_at for event in events()] == [sent_at]


@pytest.mark.parametrize("spoil", [faults.error_in_success, faults.wrong_types])
def test_a_page_of_outlook_that_cannot_be_read_is_asked_for_again(
    owner: User, microsoft: MicrosoftStandIn, spoil: Any
) -> None:
    fill(microsoft, 2)
    account = connect(owner, microsoft)
    microsoft.fault("mail", spoil())
    run = sync(account)
    assert (run.state, run.error_code, run.seen) == ("queued", "bad_answer", 0)
    SyncRun.objects.update(next_attempt_at=NOW - timedelta(days=1))
    drain("sync", seconds=None, is_ringing=False)
    assert len(events()) == 2


@pytest.mark.parametrize("item", ["no message", {"no": "id"}, {"id": "a", "receivedDateTime": 5, "from": ["?"]}])
def test_a_message_of_outlook_that_cannot_be_read_costs_only_itself(
    owner: User, microsoft: MicrosoftStandIn, item: Any
) -> None:
    fill(microsoft, 4)
    account = connect(owner, microsoft)
    microsoft.fault("mail", faults.bad_item(item))
    run = sync(account)
    assert (run.state, len(events())) == ("completed", 3)
    assert run.errors == [{"reason": "a message that cannot be read", "count": 1}]
