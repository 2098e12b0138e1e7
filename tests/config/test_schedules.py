from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler

from config import schedules
from config.jobs.models import ScheduleSlot
from config.schedules import LINES, Line, Rhythm, set_up

NOON = datetime(2026, 3, 29, 12, 0, 20, tzinfo=UTC)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make `test`, every 5 minutes, the only schedule; gives what it has done."""
    done: list[str] = []
    monkeypatch.setattr(schedules, "LINES", {"test": Line("test", "5m", lambda: done.append("test"))})
    return done


def in_threads(function: Any, count: int) -> list[Any]:
    def call(_: int) -> Any:
        try:
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


@pytest.mark.parametrize(
    ("text", "slot", "following"),
    [
        ("1m", "2026-03-29T12:00", "2026-03-29T12:01"),
        ("5m", "2026-03-29T12:00", "2026-03-29T12:05"),
        ("15m", "2026-03-29T12:00", "2026-03-29T12:15"),
        ("06:30", "2026-03-29T00:00", "2026-03-30T06:30"),
        ("23:00", "2026-03-29T00:00", "2026-03-29T23:00"),
        ("weekly 03:00", "2026-03-23T00:00", "2026-03-30T03:00"),
    ],
)
def test_a_rhythm_has_one_slot_for_each_period(text: str, slot: str, following: str) -> None:
    rhythm = Rhythm.parse(text)
    assert rhythm.slot(NOON) == datetime.fromisoformat(slot).replace(tzinfo=UTC)
    assert rhythm.next_after(NOON) == datetime.fromisoformat(following).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "0m", "5", "24:00", "6:30", "daily", "weekly", "5m ", "-5m"])
def test_anything_else_is_not_a_rhythm(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        Rhythm.parse(text)


@pytest.mark.django_db
def test_setting_up_twice_changes_nothing() -> None:
    set_up(now=NOON)
    before = list(Schedule.objects.order_by("pk").values())
    assert [row["name"] for row in before] == list(LINES)
    set_up(now=NOON + timedelta(hours=5))
    assert list(Schedule.objects.order_by("pk").values()) == before


@pytest.mark.django_db
def test_rows_of_ours_that_are_gone_doubled_or_changed_are_put_right() -> None:
    set_up(now=NOON)
    ours = {"func": schedules.RUN, "schedule_type": Schedule.MINUTES, "minutes": 1}
    Schedule.objects.create(name="forgotten", **ours)
    Schedule.objects.create(name="sweeper", **ours)
    Schedule.objects.filter(name="photos").update(minutes=99, args="('sweeper',)")
    theirs = Schedule.objects.create(name="theirs", func="math.hypot", schedule_type=Schedule.DAILY)
    set_up(now=NOON)
    assert sorted(Schedule.objects.values_list("name", flat=True)) == sorted([*LINES, "theirs"])
    assert Schedule.objects.get(name="photos").minutes == 5
    assert Schedule.objects.get(name="photos").args == "('photos',)"
    assert Schedule.objects.filter(pk=theirs.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_two_set_ups_at_once_make_no_doubles() -> None:
    in_threads(lambda: set_up(now=NOON), 4)
    assert sorted(Schedule.objects.values_list("name", flat=True)) == sorted(LINES)


@pytest.mark.django_db
def test_the_settings_move_or_switch_off_a_schedule_by_name(settings: Any) -> None:
    settings.SCHEDULES = {"photos": "07:15", "imports": "off"}
    set_up(now=NOON)
    assert set(Schedule.objects.values_list("name", flat=True)) == set(LINES) - {"imports"}
    row = Schedule.objects.get(name="photos")
    assert (row.schedule_type, row.next_run) == (Schedule.DAILY, datetime(2026, 3, 30, 7, 15, tzinfo=UTC))
    settings.SCHEDULES = {"photos": "08:15"}
    set_up(now=NOON)
    assert Schedule.objects.get(name="photos").next_run.hour == 8


@pytest.mark.django_db
def test_every_fault_in_the_settings_is_named(settings: Any) -> None:
    settings.SCHEDULES = {"fotos": "5m", "photos": "sometimes"}
    with pytest.raises(ImproperlyConfigured, match=r"(?s)fotos: there is no such schedule.*photos: 'sometimes'"):
        set_up(now=NOON)
    with pytest.raises(CommandError, match="fotos"):
        call_command("setup_schedules")


@pytest.mark.django_db(transaction=True)
def test_a_slot_is_run_exactly_once_by_any_number_of_callers(done: list[str]) -> None:
    answers = in_threads(lambda: schedules.run("test", slot=NOON.isoformat()), 6)
    assert sorted(answers) == [False] * 5 + [True]
    assert done == ["test"]


@pytest.mark.django_db
def test_a_task_that_is_delivered_again_later_does_not_run_again(done: list[str]) -> None:
    for minutes in (0, 1, 4, 0):
        schedules.run("test", slot=(NOON + timedelta(minutes=minutes)).isoformat())
    assert done == ["test"]
    schedules.run("test", slot=(NOON + timedelta(minutes=5)).isoformat())
    assert done == ["test"] * 2


@pytest.mark.django_db
def test_a_schedule_that_is_gone_does_nothing(done: list[str]) -> None:
    assert schedules.run("forgotten") is False
    assert ScheduleSlot.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_of_django_q2_give_each_slot_to_one_task(done: list[str]) -> None:
    set_up(now=NOON)
    Schedule.objects.update(next_run=NOON)
    in_threads(scheduler, 2)
    # Delivered once more, as the queue may.
    tasks = [row.task for row in OrmQ.objects.all()] * 2
    answers = [schedules.run(*task["args"], **task["kwargs"]) for task in tasks]
    assert answers.count(True) == 1
    assert done == ["test"]


@pytest.mark.django_db
def test_expired_sessions_go_with_the_nightly_pruning() -> None:
    for days in (-1, 1):
        session = SessionStore()
        session["days"] = days
        session.set_expiry(timezone.now() + timedelta(days=days))
        session.save()
    LINES["prune"].work()
    assert [session.get_decoded()["days"] for session in Session.objects.all()] == [1]
