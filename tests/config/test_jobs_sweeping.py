from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Task

from config.jobs import sweeping
from config.jobs.bell import ring
from config.jobs.models import JobAttempt, ScheduleSlot, WorkerBeat
from media_store.models import PhotoJob
from tests.faults.queue import make_job

pytestmark = pytest.mark.django_db


def days_ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def rung() -> list[str]:
    return [row.task["args"][0] for row in OrmQ.objects.all()]


def test_a_sweep_takes_back_the_jobs_of_dead_workers() -> None:
    make_job(state="downloading", lease_token="00000000-0000-0000-0000-000000000001", lease_until=days_ago(1))
    sweeping.sweep()
    assert PhotoJob.objects.get().state == "pending"


def test_a_sweep_wakes_the_workers_of_queues_with_due_jobs_only() -> None:
    make_job()
    sweeping.sweep()
    assert rung() == ["photos"]


def test_a_sweep_of_quiet_queues_wakes_nobody() -> None:
    make_job(state="completed")
    sweeping.sweep()
    assert rung() == []


def test_what_has_had_its_time_is_deleted_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    for days in (31, 31, 31, 29):
        JobAttempt.objects.create(
            kind="media_store.photojob", job_id=1, outcome="completed", finished_at=days_ago(days)
        )
    for days in (16, 14):
        ScheduleSlot.objects.create(name="test", slot=days_ago(days), started_at=days_ago(days))
    for days in (8, 6):
        WorkerBeat.objects.create(name=str(days), beat_at=days_ago(days))
        for success in (True, False):
            fields = {"name": "x", "func": "f", "started": days_ago(days), "stopped": days_ago(days)}
            Task.objects.create(id=f"{days}{success}", success=success, **fields)
    sweeping.prune()
    assert JobAttempt.objects.count() == 1
    assert ScheduleSlot.objects.count() == 1
    assert WorkerBeat.objects.count() == 1
    assert sorted(Task.objects.values_list("id", flat=True)) == ["6False", "6True"]


def test_a_task_that_cannot_be_read_is_dropped_and_the_others_stay() -> None:
    ring("photos")
    OrmQ.objects.create(key="kith", payload="gibberish", lock=timezone.now())
    sweeping.drop_unreadable()
    assert rung() == ["photos"]
