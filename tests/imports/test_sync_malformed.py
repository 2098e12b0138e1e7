"""Mail and calendars from providers that send anything: an item costs itself, a page is asked for again, no more."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User

from config.jobs.draining import drain
from contacts.models import CommunicationEvent
from imports.models import ProviderAccount, SyncRun
from imports.sync.running import request_sync
from tests.factories import make_contact, make_user
from tests.imports.accounts import make_account
from tests.imports.malformed import ADA, NO_LISTS, NO_OBJECTS, NO_PLACES, ODD, VALUES, WRONG
from tests.providers import faults
from tests.providers.faults import Fault
from tests.providers.gmail import GMAIL
from tests.providers.google_calendar import CALENDAR
from tests.providers.mailbox import START, Appointment, Letter

pytestmark = pytest.mark.django_db

NOW = START + timedelta(hours=20)
SEEDS = 12


@dataclass(frozen=True)
class Kind:
    """One of the four sources: where its pages come from, and what holds their items."""

    provider: str
    kind: SyncRun.Kind
    scopes: tuple[str, ...]
    routes: tuple[str, ...]
    items: str

    @property
    def is_mail(self) -> bool:
        return self.kind == SyncRun.Kind.MAIL


GMAIL_KIND = Kind("google", SyncRun.Kind.MAIL, (GMAIL,), ("messages", "message", "profile"), "messages")
GRAPH_MAIL = Kind("microsoft", SyncRun.Kind.MAIL, ("User.Read", "Mail.ReadBasic"), ("mail",), "value")
GOOGLE_CALENDAR = Kind("google", SyncRun.Kind.CALENDAR, (CALENDAR,), ("events",), "items")
GRAPH_CALENDAR = Kind("microsoft", SyncRun.Kind.CALENDAR, ("User.Read", "Calendars.Read"), ("calendar",), "value")
KINDS = {"gmail": GMAIL_KIND, "graph mail": GRAPH_MAIL, "google": GOOGLE_CALENDAR, "graph calendar": GRAPH_CALENDAR}


@dataclass
class Reading:
    """An account of one kind at its stand-in, and what its owner does."""

    kind: Kind
    stand_in: Any
    account: ProviderAccount

    def add(self, count: int) -> None:
        me = self.stand_in.accounts[0]
        for number in range(count):
            if self.kind.is_mail:
                self.stand_in.mailbox().add(Letter(ADA, (me,), START + timedelta(minutes=number)))
            else:
                at = NOW + timedelta(hours=number)
                self.stand_in.calendar().add(Appointment(at, ((me, "accepted"), (ADA, "accepted"))))

    def sync(self) -> SyncRun:
        self.account.refresh_from_db()
        run = request_sync(self.account, kind=self.kind.kind)
        assert run is not None
        drain("sync", seconds=None, is_ringing=False)
        run.refresh_from_db()
        return run

    def forget(self) -> None:
        """Let the next sync be the first again."""
        SyncRun.objects.all().delete()
        CommunicationEvent.objects.all().delete()
        ProviderAccount.objects.update(cursors={}, paused_until=None)


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture(params=KINDS)
def reading(request: pytest.FixtureRequest) -> Reading:
    return reading_of(request, KINDS[request.param])


@pytest.fixture
def gmail(request: pytest.FixtureRequest) -> Reading:
    return reading_of(request, GMAIL_KIND)


def reading_of(request: pytest.FixtureRequest, kind: Kind) -> Reading:
    owner: User = make_user("alice")
    make_contact(owner, "Ada", email=ADA)
    stand_in = request.getfixturevalue(kind.provider)
    account = make_account(
        owner, stand_in, scopes=kind.scopes, is_mail_synced=kind.is_mail, is_calendar_synced=not kind.is_mail
    )
    return Reading(kind, stand_in, account)


def answering(make: Callable[[Any], Any]) -> Fault:
    """Answer with what `make` says of the usual payload, as JSON that may hold any character."""
    return Fault(
        lambda _, __, answer: replace(
            whole := answer(), payload=None, body=json.dumps(make(deepcopy(whole.payload))).encode(), shape=""
        )
    )


def putting(**values: Any) -> Fault:
    """Answer with the usual payload, in which these keys hold these values."""
    return answering(lambda payload: {**payload, **values})


def mutating(chance: random.Random) -> Fault:
    return answering(lambda payload: mutated(payload, chance))


def written(run: SyncRun) -> tuple[str, str, int]:
    return run.state, run.error_code, CommunicationEvent.objects.count()


def left_out(run: SyncRun) -> dict[str, int]:
    return {error["reason"]: error["count"] for error in run.errors}


def spoil_items(reading: Reading, spoils: list[dict[str, Any]]) -> None:
    """Put one of `spoils` into each of as many items."""
    if reading.kind is GMAIL_KIND:  # here a page has only ids
        reading.stand_in.fault("message", *(putting(**spoil) for spoil in spoils))
        return
    key = reading.kind.items

    def spoiled(payload: dict[str, Any]) -> dict[str, Any]:
        items = payload[key]
        both = zip(items, [*spoils, *({} for _ in items[len(spoils) :])], strict=True)
        return {**payload, key: [{**item, **spoil} for item, spoil in both]}

    reading.stand_in.fault(reading.kind.routes[0], answering(spoiled))


def test_an_item_that_cannot_be_read_is_left_out_and_counted(reading: Reading, request: Any) -> None:
    wrong = WRONG[request.node.callspec.params["reading"]]
    reading.add(len(wrong) + 3)
    spoil_items(reading, wrong)
    run = reading.sync()
    assert (written(run), sum(left_out(run).values())) == (("completed", "", 3), len(wrong))
    what = "message" if reading.kind.is_mail else "meeting"
    assert left_out(run).keys() == {f"a {what} that cannot be read", "an impossible date"}
    reading.account.refresh_from_db()
    assert reading.account.cursors[reading.kind.kind]
    assert (reading.sync().seen, CommunicationEvent.objects.count()) == (0, 3)


def test_what_is_no_item_at_all_is_left_out_and_counted(reading: Reading) -> None:
    reading.add(3)
    key = reading.kind.items
    reading.stand_in.fault(
        reading.kind.routes[0], answering(lambda payload: {**payload, key: [*NO_OBJECTS, *payload[key]]})
    )
    run = reading.sync()
    assert (written(run), run.seen) == (("completed", "", 3), 3 + len(NO_OBJECTS))
    assert list(left_out(run).values()) == [len(NO_OBJECTS)]


def test_odd_words_cost_nothing(reading: Reading, request: Any) -> None:
    odd = ODD[request.node.callspec.params["reading"]]
    reading.add(len(odd) + 1)
    spoil_items(reading, odd)
    run = reading.sync()
    assert (written(run), run.errors) == (("completed", "", len(odd) + 1), [])
    subjects = CommunicationEvent.objects.values_list("subject", flat=True)
    assert all(len(subject) <= 500 and "\x00" not in subject for subject in subjects)


@pytest.mark.parametrize("reading", ["google", "graph calendar"], indirect=True)
def test_a_cancellation_of_the_year_one_is_one_of_now(reading: Reading) -> None:
    reading.add(2)
    reading.sync()
    reading.stand_in.calendar().change(1, is_cancelled=True)
    changed = "0001-01-01T00:00:00Z"
    spoil_items(reading, [{"updated": changed, "lastModifiedDateTime": changed}])
    reading.sync()
    cancelled = CommunicationEvent.objects.get(kind="meeting_cancelled")
    assert NOW <= cancelled.happened_at < NOW + timedelta(minutes=5)


def test_a_record_of_gmails_history_and_an_id_that_it_refuses_cost_only_themselves(gmail: Reading) -> None:
    gmail.add(2)
    gmail.sync()
    gmail.add(2)
    records = [None, {"id": "1", "messagesAdded": {}}, {"messagesAdded": [None]}, {"messagesAdded": [{"message": 7}]}]
    gmail.stand_in.fault("history", answering(lambda payload: {**payload, "history": [*records, *payload["history"]]}))
    gmail.stand_in.fault("message", faults.refused(400, "INVALID_ARGUMENT", "Invalid id value"))
    run = gmail.sync()
    assert (written(run), left_out(run)) == (("completed", "", 3), {"a message that cannot be read": 5})


def test_an_id_of_gmail_is_never_a_way_to_another_address(gmail: Reading) -> None:
    gmail.stand_in.fault("messages", putting(messages=[{"id": "../profile"}]))
    run = gmail.sync()
    assert (written(run), gmail.stand_in.count("profile")) == (("completed", "", 0), 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Subject", "=?utf-8?b?abcde?="),
        ("Subject", "=?\u00e9\u1234?q?abc?="),
        ("To", "(" * 5_000),
        ("Cc", "a:" * 5_000),
    ],
)
def test_a_header_that_was_written_to_hurt_costs_nothing(gmail: Reading, name: str, value: str) -> None:
    gmail.add(1)
    gmail.stand_in.mailbox().change(0, headers=((name, value),), subject="")
    assert written(gmail.sync()) == ("completed", "", 1)


def unreadable_pages(key: str) -> list[Fault]:
    return [
        faults.truncated(),
        faults.broken(200),
        faults.error_in_success(),
        answering(lambda payload: [payload]),
        answering(lambda payload: None),
        answering(lambda payload: {}),
        *(putting(**{key: wrong}) for wrong in NO_LISTS),
        *(putting(**{"nextPageToken": wrong, "@odata.nextLink": wrong}) for wrong in NO_PLACES),
    ]


def test_a_page_that_cannot_be_read_is_asked_for_again_from_the_same_place(reading: Reading) -> None:
    reading.add(1)
    reading.sync()
    reading.account.refresh_from_db()
    cursors = reading.account.cursors
    reading.add(2)
    is_gmail = reading.kind is GMAIL_KIND
    route, key = ("history", "history") if is_gmail else (reading.kind.routes[0], reading.kind.items)
    # Only a page of Gmail that says nothing of the next one is the last.
    endless = [] if is_gmail else [answering(lambda payload: {key: payload[key]})]
    for number, fault in enumerate([*unreadable_pages(key), *endless]):
        reading.stand_in.fault(route, fault)
        run = reading.sync()
        reading.account.refresh_from_db()
        assert (number, written(run), run.cursor) == (number, ("queued", "bad_answer", 1), {})
        assert run.last_error.endswith("that cannot be read.")
        assert reading.account.cursors == cursors
        run.delete()
    assert written(reading.sync()) == ("completed", "", 3)


@pytest.mark.parametrize("history_id", [None, 7, "", "soon", []])
def test_a_place_of_gmail_that_is_none_is_never_kept(gmail: Reading, history_id: Any) -> None:
    gmail.stand_in.fault("profile", putting(historyId=history_id))
    assert written(gmail.sync()) == ("queued", "bad_answer", 0)


@pytest.mark.parametrize("place", ["nonsense", "https://graph.example.net/v1.0/me/elsewhere"])
def test_a_place_that_leads_nowhere_is_replaced_by_the_window(reading: Reading, place: str) -> None:
    """Also one that was kept in good faith."""
    reading.add(2)
    reading.sync()
    reading.account.refresh_from_db()
    [(kind, known)] = reading.account.cursors.items()
    lost = {name: value if name == "until" else place for name, value in known.items()}
    if reading.kind is GMAIL_KIND:
        lost = {"history_id": "1"}
        reading.stand_in.fault("history", faults.refused(400, "INVALID_ARGUMENT", "Invalid startHistoryId"))
    if reading.kind is GOOGLE_CALENDAR:
        reading.stand_in.fault("events", faults.refused(400, "badRequest", "Bad Request"))
    ProviderAccount.objects.update(cursors={kind: lost})
    assert written(reading.sync()) == ("completed", "", 2)


# --- Anything at all --------------------------------------------------------------------------------------------------
KNOWN_ENDS = {"", "bad_answer", "http_400", "http_404", "foreign_link"}


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each place below `value` as its container and its key or index."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from places_in(value[key])


def mutated(payload: Any, chance: random.Random) -> Any:
    """Put anything in one to three places of `payload`, or take it away."""
    places = list(places_in(payload))
    for container, key in chance.sample(places, min(len(places), chance.randint(1, 3))):
        container[key] = deepcopy(chance.choice(VALUES))
        if isinstance(container, dict) and chance.random() < 0.1:
            del container[key]
    return payload


def test_no_answer_is_an_error_of_ours_and_none_spoils_the_next_run(reading: Reading) -> None:
    reading.add(4)
    for seed in range(SEEDS):
        chance = random.Random(seed)
        reading.stand_in.fault(chance.choice(reading.kind.routes), mutating(chance))
        run = reading.sync()
        assert run.error_code in KNOWN_ENDS, (seed, run.error_code, run.last_error)
        assert run.state in ("completed", "failed") or run.error_code == "bad_answer", (seed, run.state)
        run.delete()
        assert written(reading.sync())[:2] == ("completed", ""), seed
        reading.forget()
