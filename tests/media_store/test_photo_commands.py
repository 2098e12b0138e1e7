"""`queue_photos` and `photo_stats`."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_q.models import OrmQ

from config.jobs.models import JobAttempt, Priority
from media_store.models import PhotoJob
from media_store.statistics import photo_statistics
from tests.factories import make_photo_job

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def command(name: str, *arguments: str) -> Any:
    output = io.StringIO()
    call_command(name, *arguments, "--json", stdout=output)
    return json.loads(output.getvalue())


def queued() -> set[int]:
    return set(PhotoJob.objects.filter(state="pending", priority=Priority.BACKFILL).values_list("pk", flat=True))


@pytest.fixture
def jobs(owner: User, other_owner: User) -> dict[str, int]:
    made = {
        "failed": make_photo_job(owner, state="failed"),
        "foreign": make_photo_job(other_owner, state="failed"),
        "stored": make_photo_job(owner, is_stored=True),
        "waiting": make_photo_job(owner),
        "no address": make_photo_job(owner, state="failed", source_url=""),
        "own file": make_photo_job(owner, state="failed", source_kind="stored", source_ref="o1/a.jpg"),
    }
    return {name: job.pk for name, job in made.items()}


def test_the_backfill_takes_addresses_without_a_stored_file(jobs: dict[str, int]) -> None:
    assert command("queue_photos") == {"queued": 2}
    assert queued() == {jobs["failed"], jobs["foreign"]}
    assert OrmQ.objects.count() == 1
    assert command("queue_photos") == {"queued": 0}


def test_the_backfill_may_be_of_one_owner_limited_or_anew(jobs: dict[str, int]) -> None:
    assert command("queue_photos", "--owner", "bob") == {"queued": 1}
    assert queued() == {jobs["foreign"]}
    assert command("queue_photos", "--limit", "1", "--refresh") == {"queued": 1}
    assert command("queue_photos", "--refresh") == {"queued": 1}
    assert queued() == {jobs["foreign"], jobs["failed"], jobs["stored"]}
    assert PhotoJob.objects.get(pk=jobs["stored"]).file


def test_an_unknown_owner_and_a_negative_limit_are_refused() -> None:
    with pytest.raises(CommandError, match="no user 'nobody'"):
        call_command("queue_photos", owner="nobody")
    with pytest.raises(CommandError, match="negative"):
        call_command("queue_photos", limit=-1)


def test_the_statistics_count_and_time_what_happened(owner: User) -> None:
    second = timedelta(seconds=1)
    done: dict[str, Any] = {
        "state": "completed",
        "verdict": "ok",
        "started_at": NOW - 5 * second,
        "finished_at": NOW - 2 * second,
    }
    make_photo_job(owner, **done)
    make_photo_job(owner, **{**done, "finished_at": NOW - 4 * second, "source_url": "http://USER@B.example.com:81/x"})
    failed = make_photo_job(owner, **{**done, "state": "failed", "verdict": "gone"})
    for seconds in (30, 90):
        job = make_photo_job(owner)
        PhotoJob.objects.filter(pk=job.pk).update(queued_at=NOW - seconds * second)
    for hours, outcome in ((0, "completed"), (23, "completed"), (23, "failed"), (24, "completed")):
        JobAttempt.objects.create(
            kind="media_store.photojob", job_id=failed.pk, outcome=outcome, finished_at=NOW - timedelta(hours=hours)
        )
    with timezone.override("Asia/Kolkata"):  # whose hours begin at half past those of UTC
        statistics = photo_statistics(PhotoJob.objects.all(), now=NOW)
    assert statistics["total"] == 5
    assert statistics["states"] == {
        "pending": {"count": 2, "mean_seconds": 60.0},
        "downloading": {"count": 0, "mean_seconds": None},
        "completed": {"count": 2, "mean_seconds": 2.0},
        "failed": {"count": 1, "mean_seconds": 3.0},
        "cancelled": {"count": 0, "mean_seconds": None},
    }
    assert statistics["verdicts"] == {"gone": 1, "ok": 2}
    assert statistics["hosts"] == {
        "pictures.example.com": {"total": 4, "completed": 1, "failed": 1},
        "b.example.com:81": {"total": 1, "completed": 1, "failed": 0},
    }
    assert statistics["success_rate"] == 0.6667
    assert statistics["oldest_pending_seconds"] == 90.0
    hours = statistics["completions_per_hour"]
    assert len(hours) == 24
    assert [hours[0], hours[-1]] == [
        {"hour": "2026-02-28T13:00:00+00:00", "count": 1},
        {"hour": "2026-03-01T12:00:00+00:00", "count": 1},
    ]
    assert sum(hour["count"] for hour in hours) == 2


def test_the_statistics_can_be_read_by_people_and_machines(owner: User) -> None:
    assert command("photo_stats")["success_rate"] is None
    make_photo_job(owner, is_stored=True)
    output = io.StringIO()
    call_command("photo_stats", stdout=output)
    assert "pictures.example.com" in output.getvalue()
    assert "success rate    100.0%" in output.getvalue()
