from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from config.jobs.claiming import claim
from config.jobs.controls import cancel
from config.jobs.failures import (
    CursorFailure,
    PermanentFailure,
    PermissionFailure,
    TemporaryFailure,
    backoff,
    parse_retry_after,
)
from config.jobs.models import JobAttempt
from config.jobs.settling import completed, failed, progressed, settle
from media_store.models import PhotoJob
from tests.faults.queue import make_jobs

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def claim_jobs(count: int, **fields: Any) -> list[PhotoJob]:
    make_jobs(count, **fields)
    return claim(PhotoJob, limit=count)


@pytest.mark.parametrize(
    ("attempts", "least", "most"),
    [(1, 7.5, 15), (2, 15, 30), (3, 30, 60), (5, 120, 240), (8, 960, 1_920), (9, 1_800, 3_600), (60, 1_800, 3_600)],
)
def test_the_wait_doubles_to_an_hour_and_half_of_it_is_random(attempts: int, least: float, most: float) -> None:
    assert backoff(attempts, jitter=0.0).total_seconds() == least
    assert backoff(attempts, jitter=1.0).total_seconds() == most
    assert least <= backoff(attempts).total_seconds() <= most


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (timedelta(seconds=1), timedelta(seconds=15)),
        (5 * MINUTE, 5 * MINUTE),
        (24 * HOUR, 24 * HOUR),
        (30 * 24 * HOUR, 24 * HOUR),
    ],
)
def test_a_longer_retry_after_wins_up_to_a_day(asked: timedelta, waits: timedelta) -> None:
    assert backoff(1, retry_after=asked, jitter=1.0) == waits


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", timedelta(0)),
        ("Thu, 01 Jan 2026 00:01:00 GMT", timedelta(minutes=1)),
        ("Wed, 31 Dec 2025 23:00:00 GMT", timedelta(0)),
        (" 120 ", timedelta(minutes=2)),
        ("9999999999", None),
        ("soon", None),
        ("", None),
        ("-5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, wait: timedelta | None) -> None:
    assert parse_retry_after(value, now=datetime(2026, 1, 1, tzinfo=UTC)) == wait


@pytest.mark.django_db
def test_one_statement_settles_a_mixed_batch() -> None:
    jobs = claim_jobs(6)
    errors = [
        TemporaryFailure("Busy.", code="busy", retry_after=HOUR),
        PermissionFailure("Reconnect.", code="revoked"),
        CursorFailure("Too old.", code="cursor_gone"),
        PermanentFailure("Gone.", code="gone"),
    ]
    settlements = [completed(jobs[0], bytes=7), progressed(jobs[1])]
    settlements += [failed(job, error) for job, error in zip(jobs[2:], errors, strict=True)]
    assert len(settle(settlements)) == 6

    fields = ("state", "held_reason", "error_code", "resume_state", "attempts")
    assert list(PhotoJob.objects.order_by("pk").values_list(*fields)) == [
        ("completed", "", "", "", 0),
        ("pending", "", "", "", 0),
        ("pending", "", "busy", "", 1),
        ("pending", "needs_reconnect", "revoked", "", 1),
        ("pending", "", "cursor_gone", "", 1),
        ("failed", "", "gone", "pending", 1),
    ]
    assert not PhotoJob.objects.filter(lease_token__isnull=False).exists()
    assert [job.finished_at is not None for job in PhotoJob.objects.order_by("pk")] == [True, *[False] * 4, True]
    waits = [job.next_attempt_at - timezone.now() > 59 * MINUTE for job in PhotoJob.objects.order_by("pk")]
    assert waits == [False, False, True, False, False, False]
    outcomes = JobAttempt.objects.order_by("job_id").values_list("outcome", "code", "bytes")
    assert list(outcomes) == [
        ("completed", "", 7),
        ("progressed", "", 0),
        ("retried", "busy", 0),
        ("held", "revoked", 0),
        ("retried", "cursor_gone", 0),
        ("failed", "gone", 0),
    ]


@pytest.mark.django_db
def test_a_temporary_failure_ends_the_job_once_its_attempts_are_used_up(settings: Any) -> None:
    settings.PHOTO_MAX_ATTEMPTS = 3
    [job] = claim_jobs(1, attempts=2)
    settle([failed(job, TemporaryFailure("Busy.", code="busy"))])
    job.refresh_from_db()
    assert (job.state, job.resume_state, job.last_error) == ("failed", "pending", "Busy.")


@pytest.mark.django_db
def test_jobs_whose_lease_was_lost_are_not_settled() -> None:
    lost, held = claim_jobs(2)
    cancel(PhotoJob.objects.filter(pk=lost.pk))
    assert [each.job.pk for each in settle([completed(lost), completed(held)])] == [held.pk]
    lost.refresh_from_db()
    assert lost.state == "cancelled"
    assert list(JobAttempt.objects.filter(outcome="completed").values_list("job_id", flat=True)) == [held.pk]


@pytest.mark.django_db
def test_a_failure_is_recorded_whatever_its_text_is() -> None:
    [job] = claim_jobs(1)
    settle([failed(job, PermanentFailure("a\x00b\udc80" + "c" * 9_000, code="x" * 200))])
    job.refresh_from_db()
    assert job.last_error.startswith("ab?ccc")
    assert len(job.last_error) <= 2_000
    assert job.error_code == "x" * 40
    assert JobAttempt.objects.get().code == "x" * 40


@pytest.mark.django_db
def test_an_unknown_error_does_not_show_its_text_to_the_person() -> None:
    [job] = claim_jobs(1)
    settle([failed(job, ValueError("token=secret"))])
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("pending", "internal_error")
    assert "secret" not in job.last_error
