"""Follow-ups with a day, wishes for a contact, and birthdays ahead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Right
from django.utils import timezone

from contacts.models import Contact
from health.models import KeepInTouch, Reminder

# Contact that happened, and was written down, after the reminder was made answers it; a note does not.
ANSWERED = """
    update health_reminder reminder set state = 'done', closed_at = %(now)s
    where reminder.owner_id = %(owner)s and reminder.state = 'open' and exists (
        select from contacts_communicationevent event
        where event.contact_id = reminder.contact_id and event.kind in ('email', 'call', 'chat', 'meeting')
            and not event.automated and event.happened_at > reminder.created_at and event.happened_at <= %(now)s
    )
"""


@dataclass(frozen=True)
class Birthday:
    """A birthday to come; `age` is None when the year of birth is unknown."""

    contact_id: UUID
    name: str
    day: date
    age: int | None


def postpone(reminder_ids: Iterable[int], *, until: date) -> int:
    """Put open reminders off to a day; return how many."""
    return _open(reminder_ids).update(due_on=until)


def complete(reminder_ids: Iterable[int], *, now: datetime) -> int:
    """Close open reminders as done; return how many."""
    return _open(reminder_ids).update(state=Reminder.State.DONE, closed_at=now)


def dismiss(reminder_ids: Iterable[int], *, now: datetime) -> int:
    """Close open reminders that are not wanted any more; return how many."""
    return _open(reminder_ids).update(state=Reminder.State.DISMISSED, closed_at=now)


def close_answered(*, owner_id: int, now: datetime) -> int:
    """Close the reminders of contacts with whom there was contact since; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(ANSWERED, {"owner": owner_id, "now": now})
        return int(cursor.rowcount)


def due_reminders(*, owner_id: int, today: date) -> QuerySet[Reminder]:
    """Return the open reminders that are due, those waiting longest first."""
    due = Reminder.objects.filter(owner_id=owner_id, state=Reminder.State.OPEN, due_on__lte=today)
    return due.filter(contact__archived_at=None).select_related("contact")


def birthdays_ahead(*, owner_id: int, today: date, days: int = 14) -> list[Birthday]:
    """Return the birthdays from today to `days` days ahead, soonest first; 29 February is kept on the 28th."""
    ahead = [today + timedelta(days=number) for number in range(days + 1)]
    by_ending = {f"-{day:%m-%d}": day for day in reversed(ahead)}
    for day in ahead:
        if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month == 3:
            by_ending["-02-29"] = day
    contacts = Contact.objects.filter(owner_id=owner_id, archived_at=None).annotate(ending=Right("birthday", 6))
    found = [
        Birthday(pk, name, day, None if birthday.startswith("--") else day.year - int(birthday[:4]))
        for pk, name, birthday, ending in contacts.filter(ending__in=by_ending).values_list(
            "pk", "display_name", "birthday", "ending"
        )
        for day in [by_ending[ending]]
    ]
    return sorted(found, key=lambda birthday: (birthday.day, birthday.name))


def wish_gap(contact: Contact, *, days: int | None) -> None:
    """Say how often the owner wants contact, instead of the rhythm found in the past; None takes the wish back."""
    if days is not None and days < 1:
        raise ValueError("A wished gap is at least one day.")
    with transaction.atomic():
        _wish(contact, wished_gap_days=days)
        # A wish is a fact for the score: the contact is due.
        Contact.objects.filter(pk=contact.pk).update(facts_at=timezone.now())


def snooze(contact: Contact, *, until: datetime | None) -> None:
    """Raise no alert for this contact until then; scores and signals go on."""
    _wish(contact, snoozed_until=until)


def _wish(contact: Contact, **values: object) -> None:
    KeepInTouch.objects.update_or_create(contact=contact, defaults={"owner_id": contact.owner_id, **values})


def _open(reminder_ids: Iterable[int]) -> QuerySet[Reminder]:
    return Reminder.objects.filter(pk__in=reminder_ids, state=Reminder.State.OPEN)
