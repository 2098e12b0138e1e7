"""Timelines in bulk: rows by COPY."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from config.jobs.draining import drain
from contacts.models import Contact, Deal, DealStage
from health.models import DealHealth, HealthRun, RelationshipHealth, Reminder
from health.refreshing import request_run
from tests.factories import make_contact
from tests.health.reference import Event

# The night in which clocks change in Europe.
NOW = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)

_numbers = count(1)


def ago(days: float = 0, **parts: float) -> datetime:
    return NOW - timedelta(days=days, **parts)


def add_events(owner: User, timelines: Iterable[tuple[UUID, Event]]) -> None:
    """Write events of contacts, many at once."""
    statement = (
        "copy contacts_communicationevent (owner_id, contact_id, kind, direction, happened_at, recorded_at, source, "
        "external_id, thread_id, subject, automated, rating) from stdin"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for contact_id, event in timelines:
            copy.write_row(
                (
                    owner.pk,
                    contact_id,
                    event.kind,
                    event.direction,
                    event.at,
                    event.recorded_at or event.at,
                    event.source,
                    event.external_id or f"e{next(_numbers)}",
                    event.thread,
                    "",
                    event.automated,
                    event.rating,
                )
            )


def add_event(contact: Contact, kind: str = "email", at: datetime = NOW, **fields: Any) -> None:
    """Write one event of a contact."""
    add_events(contact.owner, [(contact.pk, Event(kind=kind, at=at, **fields))])


def stage(name: str = "SQL") -> DealStage:
    return DealStage.objects.get(name=name)


def refresh(owner: User, *, now: datetime = NOW, profile: str = "", **options: Any) -> HealthRun:
    """Refresh the scores of one owner as of `now`, here."""
    run = request_run(owner_id=owner.pk, now=now, profile=profile, **options)
    drain(HealthRun.QUEUE, seconds=None, is_ringing=False)
    run.refresh_from_db()
    assert (run.state, run.errors) == ("completed", []), (run.last_error, run.errors)
    return run


def health_of(subject: Contact | Deal) -> RelationshipHealth | DealHealth:
    if isinstance(subject, Deal):
        return DealHealth.objects.get(deal=subject)
    return RelationshipHealth.objects.get(contact=subject)


def add_reminder(contact: Contact, *, due_on: date, note: str = "", now: datetime) -> Reminder:
    """Remind the owner of this contact on that day."""
    return Reminder.objects.create(owner_id=contact.owner_id, contact=contact, due_on=due_on, note=note, created_at=now)


def make_cold(owner: User, name: str = "Ada Example", *, silent: int = 40) -> Contact:
    """Make a contact with a call every six days for two months, until `silent` days ago."""
    contact = make_contact(owner, name, given_name=name.split()[0])
    now = timezone.now()
    for days in range(silent, silent + 60, 6):
        add_event(contact, "call", at=now - timedelta(days=days))
    return contact
