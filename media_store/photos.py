"""What the application and people do to photo jobs: create, give a new source, retry, refresh, cancel."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from config.jobs import controls
from config.jobs.bell import ring
from config.jobs.models import Priority
from media_store.models import PhotoJob

State = PhotoJob.State
Kind = PhotoJob.SourceKind

DAY = timedelta(hours=24)
# A day less than the week between two re-checks, or what was asked late in one would be passed over by the next.
RECHECK_AGE = timedelta(days=6)


def create_photo_job(
    owner_id: int,
    *,
    kind: str,
    source_url: str = "",
    source_ref: str = "",
    path_hint: str = "",
    priority: int = Priority.NORMAL,
) -> PhotoJob:
    """Create a job for one picture and wake the workers."""
    with transaction.atomic():
        job = PhotoJob.objects.create(
            owner_id=owner_id,
            source_kind=kind,
            source_url=source_url,
            source_ref=source_ref,
            path_hint=path_hint,
            priority=priority,
        )
        ring(PhotoJob.QUEUE)
    return job


def set_source(job: PhotoJob, *, kind: str, source_url: str = "", source_ref: str = "", path_hint: str = "") -> None:
    """Give the job a new source and make it due; the present picture stays until the new one is stored.

    A worker that is busy with the old source loses its lease and stores nothing.
    """
    with transaction.atomic():
        PhotoJob.objects.filter(pk=job.pk).update(
            source_kind=kind,
            source_url=source_url,
            source_ref=source_ref,
            path_hint=path_hint,
            verdict="",
            absent_since=None,
            gone_at=None,
            lease_token=None,
            lease_until=None,
            etag="",
            last_modified="",
            **_due(Priority.NORMAL),
        )
        ring(PhotoJob.QUEUE)
    job.refresh_from_db()


def enqueue_retry(jobs: QuerySet[PhotoJob]) -> int:
    """Put failed and cancelled jobs back in the queue, ahead of the others; return how many."""
    return controls.retry(jobs)


def enqueue_retry_recent(jobs: QuerySet[PhotoJob], *, now: datetime, within: timedelta = DAY) -> int:
    """Put back in the queue what failed in the last 24 hours; return how many."""
    return controls.retry(jobs.filter(state=State.FAILED, finished_at__gte=now - within))


def cancel_pending(jobs: QuerySet[PhotoJob]) -> int:
    """Cancel what waits; what is being downloaded comes to its end. Return how many."""
    return controls.cancel(jobs.filter(state=State.PENDING))


def enqueue_refresh(jobs: QuerySet[PhotoJob], *, priority: int = Priority.PERSON) -> int:
    """Download completed and failed jobs again, whatever the server says about changes; return how many.

    The present picture stays until a better one is stored.
    """
    return _requeue(jobs.filter(state__in=[State.COMPLETED, State.FAILED]), priority=priority)


def enqueue_backfill(*, owner_id: int | None = None, limit: int | None = None, is_refresh: bool = False) -> int:
    """Queue the jobs that have an address and no stored picture, with `is_refresh` also those that have one."""
    jobs = PhotoJob.objects.filter(source_kind=Kind.URL).exclude(source_url="")
    jobs = jobs.exclude(state__in=[*PhotoJob.STEPS, *PhotoJob.STEPS.values()])
    if not is_refresh:
        jobs = jobs.filter(file="")
    if owner_id is not None:
        jobs = jobs.filter(owner_id=owner_id)
    return _requeue(jobs.order_by("pk")[:limit], priority=Priority.BACKFILL)


def enqueue_recheck(*, now: datetime, age: timedelta = RECHECK_AGE, limit: int | None = None) -> int:
    """Ask again for the pictures that were last asked for longer than `age` ago, if they have changed; return how many.

    Left out is what can only give the same answer: addresses that may not be fetched and pictures that are gone.
    """
    jobs = PhotoJob.objects.filter(source_kind=Kind.URL, state__in=[State.COMPLETED, State.FAILED], gone_at=None)
    jobs = jobs.exclude(source_url="").exclude(verdict=PhotoJob.Verdict.UNSAFE).filter(checked_at__lt=now - age)
    return _requeue(jobs.order_by("checked_at")[:limit], priority=Priority.BACKFILL, is_conditional=True)


def _requeue(jobs: QuerySet[PhotoJob], *, priority: int, is_conditional: bool = False) -> int:
    """Make these jobs due; locked in the order of config.jobs.leases, so that two of us cannot deadlock."""
    with transaction.atomic():
        at_rest = ~Q(state__in=PhotoJob.STEPS.values())
        rows = PhotoJob.objects.filter(at_rest, pk__in=jobs.values("pk")).order_by("pk")
        ids = list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
        if ids:
            forgotten = {} if is_conditional else {"etag": "", "last_modified": ""}
            PhotoJob.objects.filter(pk__in=ids).update(**_due(priority), **forgotten)
            ring(PhotoJob.QUEUE)
    return len(ids)


def _due(priority: int) -> dict[str, Any]:
    """Return the columns of a job that starts afresh; its file and its last finish stay."""
    return {
        "state": State.PENDING,
        "resume_state": "",
        "priority": priority,
        "attempts": 0,
        "crashes": 0,
        "held_reason": "",
        "last_error": "",
        "error_code": "",
        "queued_at": Now(),
        "next_attempt_at": Now(),
    }
