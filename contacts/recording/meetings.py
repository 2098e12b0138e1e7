"""Write down what a calendar says: planned, held, moved and cancelled meetings with every contact who takes part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from contacts.models import CommunicationEvent
from contacts.recording.messages import Recorded

Kind = CommunicationEvent.Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One meeting as it stands since `changed_at`. `addresses` are match keys of the e-mail addresses of the others.

    A cancelled one may come with nothing but its id and the time.
    """

    external_id: str
    changed_at: datetime
    starts_at: datetime | None = None
    addresses: tuple[str, ...] = ()
    subject: str = ""
    is_cancelled: bool = False


class _Known(NamedTuple):
    """A row that there is: planned for or held at `happened_at`, or cancelled then."""

    id: int
    contact_id: UUID
    kind: str
    happened_at: datetime
    subject: str


KNOWN = """
    select external_id, id, contact_id, kind, happened_at, subject from contacts_communicationevent
    where owner_id = %s and source = %s and external_id = any(%s)
    order by id for update
"""
ATTENDEES = """
    select distinct person.position, email.contact_id
    from unnest(%s::integer[], %s::text[]) as person(position, address)
    join contacts_contactemail email on email.owner_id = %s and email.normalized = person.address
"""
CHANGE = """
    update contacts_communicationevent event
    set kind = change.kind, happened_at = change.happened_at, subject = change.subject, recorded_at = now()
    from unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[]) as change(id, kind, happened_at, subject)
    where event.id = change.id
"""


def record_meetings(owner_id: int, meetings: Sequence[Meeting], *, source: str) -> Recorded:
    """Bring the owner's meetings of `source` up to date with these; run it in a transaction.

    A meeting that was cancelled before it began becomes `meeting_cancelled`, and one that was moved gains a
    `meeting_moved` row, both at the time of the change. Somebody who no longer takes part loses a meeting to come.
    """
    meetings = list({meeting.external_id: meeting for meeting in meetings}.values())
    known = _known(owner_id, meetings, source=source)
    attendees = _attendees(owner_id, meetings)
    plan = _Plan(owner_id, source)
    for position, meeting in enumerate(meetings):
        if meeting.is_cancelled:
            plan.cancel(meeting, known[meeting.external_id])
        elif meeting.starts_at is not None:
            plan.hold(meeting, meeting.starts_at, known[meeting.external_id], attendees[position])
    return plan.write()


@dataclass
class _Plan:
    """What has to be written: new rows, changed rows as (id, contact, kind, time, subject), and rows that go."""

    owner_id: int
    source: str
    new: list[CommunicationEvent] = field(default_factory=list)
    changed: list[_Known] = field(default_factory=list)
    gone: list[_Known] = field(default_factory=list)

    def cancel(self, meeting: Meeting, rows: Iterable[_Known]) -> None:
        """One that had begun by then took place: somebody has only tidied up the calendar."""
        for row in rows:
            if row.kind == Kind.MEETING and row.happened_at > meeting.changed_at:
                self.changed.append(row._replace(kind=Kind.MEETING_CANCELLED, happened_at=meeting.changed_at))

    def hold(self, meeting: Meeting, starts_at: datetime, rows: Sequence[_Known], attendees: set[UUID]) -> None:
        for row in rows:
            if row.contact_id in attendees:
                self._keep(meeting, starts_at, row)
            elif row.happened_at > meeting.changed_at:
                self.gone.append(row)
        for contact_id in sorted(attendees - {row.contact_id for row in rows}):
            self._add(meeting, contact_id, kind=Kind.MEETING, at=starts_at, external_id=meeting.external_id)

    def _keep(self, meeting: Meeting, starts_at: datetime, row: _Known) -> None:
        wanted = row._replace(kind=Kind.MEETING, happened_at=starts_at, subject=meeting.subject)
        if wanted == row:
            return
        self.changed.append(wanted)
        # When both times had passed, only the record was put right.
        if row.kind == Kind.MEETING and row.happened_at != starts_at > meeting.changed_at:
            place = f"{meeting.external_id}@{starts_at.isoformat()}"
            self._add(meeting, row.contact_id, kind=Kind.MEETING_MOVED, at=meeting.changed_at, external_id=place)

    def _add(self, meeting: Meeting, contact_id: UUID, *, kind: Kind, at: datetime, external_id: str) -> None:
        self.new.append(
            CommunicationEvent(
                owner_id=self.owner_id,
                contact_id=contact_id,
                kind=kind,
                happened_at=at,
                source=self.source,
                external_id=external_id,
                subject=meeting.subject,
            )
        )

    def write(self) -> Recorded:
        CommunicationEvent.objects.bulk_create(self.new, ignore_conflicts=True)
        if self.changed:
            columns = [
                [getattr(row, name) for row in self.changed] for name in ("id", "kind", "happened_at", "subject")
            ]
            with connection.cursor() as cursor:
                cursor.execute(CHANGE, columns)
        if self.gone:
            CommunicationEvent.objects.filter(pk__in=[row.id for row in self.gone]).delete()
        contact_ids = {event.contact_id for event in self.new} | {row.contact_id for row in [*self.changed, *self.gone]}
        return Recorded(len(self.new) + len(self.changed) + len(self.gone), frozenset(contact_ids))


def _known(owner_id: int, meetings: Sequence[Meeting], *, source: str) -> dict[str, list[_Known]]:
    """Return the rows of each meeting, locked in the order in which everybody locks them."""
    found: dict[str, list[_Known]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [owner_id, source, [meeting.external_id for meeting in meetings]])
        for external_id, *values in cursor.fetchall():
            found[external_id].append(_Known(*values))
    return found


def _attendees(owner_id: int, meetings: Sequence[Meeting]) -> dict[int, set[UUID]]:
    """Return the contacts who take part, by the place of the meeting in `meetings`."""
    persons = [(position, address) for position, found in enumerate(meetings) for address in found.addresses]
    attendees: dict[int, set[UUID]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(ATTENDEES, [[at for at, _ in persons], [address for _, address in persons], owner_id])
        for position, contact_id in cursor.fetchall():
            attendees[position].add(contact_id)
    return attendees
