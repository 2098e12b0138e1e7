from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contacts.events import log_event
from contacts.models import CommunicationEvent
from tests.factories import make_contact, make_user

pytestmark = pytest.mark.django_db


def test_logging_a_call_records_it_and_marks_the_contact_as_having_a_new_fact() -> None:
    contact = make_contact(make_user("alice"))
    happened_at = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    event = log_event(contact, kind="call", happened_at=happened_at, direction="outbound", subject="Renewal")
    contact.refresh_from_db()
    assert (event.owner, event.contact, event.source) == (contact.owner, contact, "manual")
    assert (event.kind, event.direction, event.happened_at, event.subject) == (
        "call",
        "outbound",
        happened_at,
        "Renewal",
    )
    assert contact.facts_at is not None
    assert contact.facts_at > happened_at


def test_the_same_note_twice_is_two_notes() -> None:
    contact = make_contact(make_user("alice"))
    for _ in range(2):
        log_event(contact, kind="note", happened_at=datetime(2026, 3, 1, tzinfo=UTC), body="Called back.")
    assert CommunicationEvent.objects.filter(contact=contact).count() == 2


def test_mail_cannot_be_logged_by_hand() -> None:
    contact = make_contact(make_user("alice"))
    with pytest.raises(ValueError, match="'email' cannot be logged by hand"):
        log_event(contact, kind="email", happened_at=datetime(2026, 3, 1, tzinfo=UTC))
