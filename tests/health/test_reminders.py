from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User

from contacts import registries
from contacts.relations import delete_contacts
from health import reminders
from health.models import KeepInTouch, Reminder
from tests.factories import make_contact
from tests.health.factories import NOW, add_event, add_reminder, refresh

DAY = timedelta(days=1)


def test_contact_after_the_reminder_was_made_answers_it_and_a_note_does_not(owner: User) -> None:
    called, noted, before = (make_contact(owner, name) for name in ("Called", "Noted", "Before"))
    for contact in (called, noted, before):
        add_reminder(contact, due_on=NOW.date(), now=NOW - DAY)
    add_event(called, "call", at=NOW - timedelta(hours=1))
    add_event(noted, "note", at=NOW - timedelta(hours=1))
    add_event(before, "call", at=NOW - 2 * DAY)
    refresh(owner)
    assert called.reminders.get().state == "done"
    assert {noted.reminders.get().state, before.reminders.get().state} == {"open"}


def test_due_reminders_come_longest_waiting_first_and_only_the_owners(owner: User, other_owner: User) -> None:
    contact = make_contact(owner)
    made = [add_reminder(contact, due_on=NOW.date() + n * DAY, now=NOW) for n in (0, -3, 1)]
    add_reminder(make_contact(other_owner), due_on=NOW.date(), now=NOW)
    due = list(reminders.due_reminders(owner_id=owner.pk, today=NOW.date()))
    assert due == [made[1], made[0]]
    assert reminders.postpone([made[1].pk], until=NOW.date() + DAY) == 1
    assert reminders.complete([made[0].pk], now=NOW) == 1
    assert reminders.dismiss([made[0].pk], now=NOW) == 0
    assert not reminders.due_reminders(owner_id=owner.pk, today=NOW.date())


@pytest.mark.parametrize(
    ("today", "birthdays", "expected"),
    [
        (date(2026, 12, 28), {"A": "1980-01-03", "B": "--12-28", "C": "1990-02-01"}, [("B", None), ("A", 47)]),
        (date(2027, 2, 20), {"Leap": "2000-02-29"}, [("Leap", 27)]),
        (date(2028, 2, 20), {"Leap": "2000-02-29", "Day": "--02-28"}, [("Day", None), ("Leap", 28)]),
    ],
)
def test_birthdays_ahead(owner: User, today: date, birthdays: dict[str, str], expected: list[tuple[str, int]]) -> None:
    for name, birthday in birthdays.items():
        make_contact(owner, name, birthday=birthday)
    found = reminders.birthdays_ahead(owner_id=owner.pk, today=today)
    assert [(birthday.name, birthday.age) for birthday in found] == expected


def test_merging_moves_reminders_and_the_wish_and_erasing_leaves_nothing(owner: User) -> None:
    survivor, loser = make_contact(owner, "Ada"), make_contact(owner, "A.")
    add_reminder(loser, due_on=NOW.date(), now=NOW)
    reminders.wish_gap(loser, days=9)
    add_event(loser, at=NOW - 90 * DAY, direction="outbound")
    refresh(owner)
    own = [relation for (label, _), relation in registries.relations.items() if label.startswith("health.")]
    for relation in own:
        relation.merge([loser.pk], survivor.pk)
    assert not [relation.model for relation in own if relation.model._default_manager.filter(contact=loser).exists()]
    assert survivor.reminders.count() == 1
    assert survivor.keep_in_touch.wished_gap_days == 9
    assert delete_contacts([survivor.pk]) == 1
    assert not Reminder.objects.exists()
    assert not KeepInTouch.objects.exists()
