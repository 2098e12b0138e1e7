"""What runs by the clock. The table is constant; `SCHEDULES` in the settings changes a line's time by its name.

django-q2's scheduler enqueues `config.schedules.run`, and a unique row for each name and slot decides which of several
clusters, cron calls or deliveries of the same task does the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.utils import timezone
from django_q.models import Schedule

from config.jobs import sweeping
from config.notices import notifying
from config.tasks import drain_queue
from contacts import duplicates
from health.tasks import follow_facts, refresh_daily
from imports.accounts import revoking
from imports.models import SyncRun
from imports.retention import forget_old
from imports.sync.asking import ask
from imports.sync.mailboxes import sync_mailboxes
from imports.tending import tend
from media_store.pruning import prune
from media_store.rechecking import recheck_photos

RUN = "config.schedules.run"
OFF = "off"
DAY, WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True)
class Rhythm:
    """How often and, from midnight UTC (of Monday), at what offset."""

    period: timedelta
    offset: timedelta = timedelta(0)

    @classmethod
    def parse(cls, text: str) -> Rhythm:
        """Read `5m`, `06:30` (each day, UTC) or `weekly 03:00` (Mondays); ValueError for anything else."""
        if minutes := re.fullmatch(r"([1-9]\d{0,3})m", text):
            return cls(timedelta(minutes=int(minutes[1])))
        if clock := re.fullmatch(r"(weekly )?([01]\d|2[0-3]):([0-5]\d)", text):
            return cls(WEEK if clock[1] else DAY, timedelta(hours=int(clock[2]), minutes=int(clock[3])))
        raise ValueError(f"{text!r} is not a time such as 5m, 06:30 or weekly 03:00")

    def slot(self, moment: datetime) -> datetime:
        """Return the start of the period that `moment` is in; the same for every moment of it."""
        # Monday, so that weeks begin there.
        origin = datetime(2024, 1, 1, tzinfo=UTC)
        return origin + (moment - origin) // self.period * self.period

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time to run that is later than `moment`."""
        start = self.slot(moment) + self.offset
        return start if start > moment else start + self.period

    def as_fields(self) -> dict[str, object]:
        """Return the columns of django-q2's Schedule that repeat this rhythm."""
        kinds = {DAY: Schedule.DAILY, WEEK: Schedule.WEEKLY}
        if self.period in kinds:
            return {"schedule_type": kinds[self.period], "minutes": None}
        return {"schedule_type": Schedule.MINUTES, "minutes": int(self.period / timedelta(minutes=1))}


@dataclass(frozen=True)
class Line:
    """One schedule: its name, its usual time and what it does."""

    name: str
    usual: str
    work: Callable[[], object]

    @property
    def rhythm(self) -> Rhythm | None:
        """When it runs by the settings; None when it is switched off there."""
        text = settings.SCHEDULES.get(self.name, self.usual)
        return None if text == OFF else Rhythm.parse(text)


def _chats() -> None:
    ask(SyncRun.Kind.CHATS, now=timezone.now())


LINES = {
    line.name: line
    for line in [
        Line("imports", "1m", lambda: _imports(now=timezone.now())),
        Line("photos", "5m", lambda: drain_queue("photos")),
        Line("chats", "15m", _chats),
        Line("photo-recheck", "weekly 03:00", recheck_photos),
        Line("mail", "06:30", lambda: sync_mailboxes(now=timezone.now())),
        Line("health", "07:00", refresh_daily),
        Line("health-facts", "15m", lambda: follow_facts(now=timezone.now())),
        Line("duplicates", "02:30", lambda: duplicates.tidy(now=timezone.now())),
        Line("prune", "03:30", lambda: _prune(now=timezone.now())),
        Line("sweeper", "1m", sweeping.sweep),
    ]
}


def _imports(*, now: datetime) -> None:
    tend(now=now)
    drain_queue("imports")


def _prune(*, now: datetime) -> None:
    SessionStore.clear_expired()
    notifying.prune(now=now)
    revoking.prune(now=now)
    forget_old(now=now)
    prune(now=now)


def run(name: str, *, slot: str = "") -> bool:
    """Do the work of a schedule unless its slot has been taken; return whether it was done.

    `slot` is the ISO time for which django-q2 meant the task; without it the slot of this moment is meant. The slot is
    taken for good before the work begins: work that fails comes again with the next slot.
    """
    line = LINES.get(name)
    rhythm = line.rhythm if line else None
    if line is None or rhythm is None:
        return False
    moment = datetime.fromisoformat(slot) if slot else timezone.now()
    if not take_slot(name, rhythm.slot(moment)):
        return False
    line.work()
    return True


def take_slot(name: str, slot: datetime) -> bool:
    """Return whether this slot is ours: true for exactly one caller."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into config_scheduleslot (name, slot) values (%s, %s) on conflict (name, slot) do nothing",
            [name, slot],
        )
        return bool(cursor.rowcount)


def check_settings() -> None:
    """Raise ImproperlyConfigured, with every fault, when SCHEDULES names an unknown schedule or time."""
    faults = [f"  {name}: there is no such schedule" for name in settings.SCHEDULES if name not in LINES]
    for line in LINES.values():
        try:
            line.rhythm  # noqa: B018 (parses)
        except ValueError as error:
            faults.append(f"  {line.name}: {error}")
    if faults:
        raise ImproperlyConfigured("SCHEDULES has faults:\n" + "\n".join(faults))


def set_up(*, now: datetime) -> list[str]:
    """Make django-q2's rows be the table above, one for each line; return their names. Leaves unchanged rows alone."""
    check_settings()
    wanted = {line.name: rhythm for line in LINES.values() if (rhythm := line.rhythm)}
    with transaction.atomic(), connection.cursor() as cursor:
        # Schedule.name is not unique: two of us at once would both insert.
        cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [RUN])
        present = _remove_strangers(wanted)
        Schedule.objects.bulk_create(
            [_row(name, rhythm, now=now) for name, rhythm in wanted.items() if name not in present]
        )
    return sorted(wanted)


def _remove_strangers(wanted: dict[str, Rhythm]) -> set[str]:
    """Delete rows of ours that are doubled, gone from the table or at another time; return the names that stay."""
    kept: set[str] = set()
    for row in Schedule.objects.filter(func=RUN).order_by("pk").select_for_update():
        rhythm = wanted.get(row.name)
        if rhythm and row.name not in kept and _is_same(row, _row(row.name, rhythm, now=timezone.now())):
            kept.add(row.name)
        else:
            row.delete()
    return kept


def _row(name: str, rhythm: Rhythm, *, now: datetime) -> Schedule:
    return Schedule(
        name=name,
        func=RUN,
        args=repr((name,)),
        intended_date_kwarg="slot",
        repeats=-1,
        next_run=rhythm.next_after(now),
        **rhythm.as_fields(),
    )


def _is_same(row: Schedule, wanted: Schedule) -> bool:
    columns = ("args", "kwargs", "hook", "schedule_type", "minutes", "repeats", "intended_date_kwarg", "cluster")
    if any(getattr(row, column) != getattr(wanted, column) for column in columns):
        return False
    # The clock time of daily and weekly rows is in next_run; a row that is due stays as it is.
    return row.minutes is not None or row.next_run.time() == wanted.next_run.time()
