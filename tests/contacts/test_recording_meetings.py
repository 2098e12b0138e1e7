from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from contacts.models import CommunicationEvent, Contact
from contacts.recording import Meeting, Recorded, record_meetings
from tests.factories import make_contact, make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def owner() -> User:
    return make_user("alice")


@pytest.fixture
def ada(owner: User) -> Contact:
    return make_contact(owner, email="ada@example.com")


def meeting(**fields: Any) -> Meeting:
    known = {"external_id": "talk", "changed_at": NOW, "starts_at": NOW + DAY, "addresses": ("ada@example.com",)}
    return Meeting(**{**known, **fields})


def record(owner: User, *meetings: Meeting) -> Recorded:
    return record_meetings(owner.pk, meetings, source="google-cal")


def timeline(contact: Contact) -> list[tuple[str, datetime]]:
    events = CommunicationEvent.objects.filter(contact=contact).order_by("happened_at", "kind")
    return list(events.values_list("kind", "happened_at"))


def test_a_meeting_is_an_event_at_its_start_for_everybody_who_takes_part(owner: User, ada: Contact) -> None:
    ben = make_contact(owner, "Ben", email="ben@example.com")
    recorded = record(owner, meeting(addresses=("ada@example.com", "ben@example.com", "nobody@example.com")))
    assert recorded == Recorded(2, frozenset({ada.pk, ben.pk}))
    assert timeline(ada) == timeline(ben) == [("meeting", NOW + DAY)]


def test_the_same_again_writes_nothing(owner: User, ada: Contact) -> None:
    record(owner, meeting())
    assert record(owner, meeting(changed_at=NOW + HOUR)) == Recorded()


def test_a_moved_meeting_keeps_its_row_and_the_move_is_an_event_of_its_own(owner: User, ada: Contact) -> None:
    record(owner, meeting())
    record(owner, meeting(starts_at=NOW + 2 * DAY, changed_at=NOW + HOUR))
    assert timeline(ada) == [("meeting_moved", NOW + HOUR), ("meeting", NOW + 2 * DAY)]
    record(owner, meeting(starts_at=NOW + 2 * DAY, changed_at=NOW + HOUR))
    assert len(timeline(ada)) == 2


def test_putting_the_time_of_a_past_meeting_right_is_no_move(owner: User, ada: Contact) -> None:
    record(owner, meeting(starts_at=NOW - DAY))
    record(owner, meeting(starts_at=NOW - DAY - HOUR))
    assert timeline(ada) == [("meeting", NOW - DAY - HOUR)]


def test_a_meeting_cancelled_beforehand_becomes_a_cancellation_at_that_time(owner: User, ada: Contact) -> None:
    record(owner, meeting())
    record(owner, Meeting(external_id="talk", changed_at=NOW + HOUR, is_cancelled=True))
    assert timeline(ada) == [("meeting_cancelled", NOW + HOUR)]


def test_deleting_a_meeting_from_the_calendar_afterwards_does_not_undo_it(owner: User, ada: Contact) -> None:
    record(owner, meeting(starts_at=NOW - HOUR, changed_at=NOW - DAY))
    assert record(owner, meeting(starts_at=None, is_cancelled=True)) == Recorded()
    assert timeline(ada) == [("meeting", NOW - HOUR)]


def test_a_cancelled_meeting_that_is_held_after_all_is_a_meeting_again(owner: User, ada: Contact) -> None:
    record(owner, meeting())
    record(owner, meeting(is_cancelled=True, changed_at=NOW + HOUR))
    record(owner, meeting(changed_at=NOW + 2 * HOUR))
    assert timeline(ada) == [("meeting", NOW + DAY)]


def test_a_meeting_cancelled_before_it_was_ever_seen_is_nothing(owner: User, ada: Contact) -> None:
    assert record(owner, meeting(is_cancelled=True)) == Recorded()


def test_who_is_no_longer_invited_loses_a_meeting_to_come_and_keeps_a_past_one(owner: User, ada: Contact) -> None:
    record(owner, meeting(), meeting(external_id="held", starts_at=NOW - DAY))
    recorded = record(owner, meeting(addresses=()), meeting(external_id="held", starts_at=NOW - DAY, addresses=()))
    assert (recorded.events, recorded.contact_ids) == (1, frozenset({ada.pk}))
    assert timeline(ada) == [("meeting", NOW - DAY)]


def test_the_last_of_two_states_in_one_page_counts(owner: User, ada: Contact) -> None:
    record(owner, meeting(), meeting(starts_at=NOW + 3 * DAY))
    assert timeline(ada) == [("meeting", NOW + 3 * DAY)]


def test_meetings_of_other_owners_stay_as_they_are(owner: User, ada: Contact) -> None:
    bob = make_user("bob")
    theirs = make_contact(bob, email="ada@example.com")
    for user in (owner, bob):
        record(user, meeting())
    record(owner, meeting(is_cancelled=True))
    assert timeline(theirs) == [("meeting", NOW + DAY)]
