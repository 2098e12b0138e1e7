from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import CommunicationEvent, Contact, ContactEmail
from contacts.recording import Message, Recorded, link_answers, record_messages
from tests.factories import make_contact, make_user

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def owner() -> User:
    return make_user("alice")


def message(number: int = 1, *, address: str = "ada@example.com", **fields: Any) -> Message:
    known = {"external_id": f"m{number}", "sent_at": NOON + timedelta(minutes=number), "is_outbound": False}
    return Message(**{**known, "addresses": (address,), **fields})


def record(owner: User, *messages: Message, limit: int = 100) -> Recorded:
    return record_messages(owner.pk, messages, source="mail", limit=limit)


def events() -> list[CommunicationEvent]:
    return list(CommunicationEvent.objects.order_by("happened_at", "pk"))


def test_a_message_becomes_an_event_of_the_contact_whose_address_it_names(owner: User) -> None:
    ada = make_contact(owner, email="ada@example.com")
    before = Contact.objects.get(pk=ada.pk).facts_at
    recorded = record(owner, message(thread_id="t", subject="Hello"), message(2, address="nobody@example.com"))
    assert recorded == Recorded(1, frozenset({ada.pk}), 0)
    [event] = events()
    assert (event.owner, event.contact, event.kind, event.direction) == (owner, ada, "email", "inbound")
    assert (event.external_id, event.thread_id, event.subject) == ("m1", "t", "Hello")
    ada.refresh_from_db()
    assert before is None
    assert ada.facts_at is not None


def test_any_address_of_a_contact_counts_and_several_of_them_once(owner: User) -> None:
    ada = make_contact(owner, email="ada@example.com")
    ContactEmail.objects.create(
        owner=owner, contact=ada, address="ada@work.example.com", normalized="ada@work.example.com"
    )
    both = message(addresses=("ada@example.com", "ada@work.example.com"), is_outbound=True)
    assert record(owner, both, message(2, address="ada@work.example.com")).events == 2


def test_an_address_that_two_contacts_share_counts_for_both(owner: User) -> None:
    pair = {make_contact(owner, name, email="family@example.com").pk for name in ("Ada", "Ben")}
    assert record(owner, message(address="family@example.com")) == Recorded(2, frozenset(pair), 0)


def test_the_same_message_again_writes_nothing_and_leaves_the_contact_alone(owner: User) -> None:
    ada = make_contact(owner, email="ada@example.com")
    record(owner, message())
    known = Contact.objects.get(pk=ada.pk).facts_at
    assert record(owner, message(), message()) == Recorded()
    assert Contact.objects.get(pk=ada.pk).facts_at == known


def test_a_message_twice_in_one_page_is_one_event(owner: User) -> None:
    make_contact(owner, email="ada@example.com")
    assert record(owner, message(), message()).events == 1


def test_contacts_of_other_owners_learn_nothing(owner: User) -> None:
    make_contact(make_user("bob"), email="ada@example.com")
    assert record(owner, message()) == Recorded()
    assert events() == []


def test_a_day_takes_so_many_messages_and_the_rest_is_counted(owner: User) -> None:
    make_contact(owner, email="ada@example.com")
    first = record(owner, *(message(number) for number in range(5)), limit=3)
    assert (first.events, first.left_out) == (3, 2)
    assert [event.external_id for event in events()] == ["m0", "m1", "m2"]
    tomorrow = [message(10, sent_at=NOON + timedelta(days=1)), message(11)]
    second = record(owner, *tomorrow, limit=3)
    assert (second.events, second.left_out) == (1, 1)


def test_a_thousand_messages_are_written_with_one_statement(owner: User) -> None:
    for number in range(10):
        make_contact(owner, f"Person {number}", email=f"p{number}@example.com")
    page = [message(number, address=f"p{number % 10}@example.com") for number in range(1_000)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert record(owner, *page, limit=1_000).events == 1_000
    assert len(queries) == 1


def test_an_answer_is_linked_to_all_messages_that_it_answers_and_runs_from_the_latest(owner: User) -> None:
    ada = make_contact(owner, email="ada@example.com")
    times = [timedelta(hours=hour) for hour in (0, 3, 5, 6)]
    ours = [message(n, is_outbound=True, thread_id="t", sent_at=NOON + times[n]) for n in (0, 1)]
    theirs = [message(n, thread_id="t", sent_at=NOON + times[n]) for n in (2, 3)]
    record(owner, *ours, *theirs)
    assert link_answers([ada.pk]) == 3
    first, second, answer, more = events()
    assert first.answered_at == second.answered_at == answer.happened_at
    assert (answer.answer_seconds, more.answer_seconds) == (2 * 3_600, None)
    assert link_answers([ada.pk]) == 0


def test_without_a_thread_an_answer_must_come_within_seven_days(owner: User) -> None:
    ada = make_contact(owner, email="ada@example.com")
    week = timedelta(days=7)
    record(owner, message(0, is_outbound=True, sent_at=NOON), message(1, sent_at=NOON + week))
    record(owner, message(2, is_outbound=True, sent_at=NOON + 2 * week))
    record(owner, message(3, sent_at=NOON + 3 * week + timedelta(seconds=1)))
    link_answers([ada.pk])
    assert [event.answered_at for event in events()] == [NOON + week, None, None, None]
    assert [event.answer_seconds for event in events()] == [None, 7 * 86_400, None, None]


def test_automated_mail_neither_asks_nor_answers(owner: User) -> None:
    ada = make_contact(owner, email="ada@example.com")
    record(owner, message(0, is_outbound=True, thread_id="t"), message(1, thread_id="t", is_automated=True))
    assert link_answers([ada.pk]) == 0
