"""How far an import has come, in the words of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import DateTimeField, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from config.jobs.models import JobAttempt
from imports.models import ImportJob

State = ImportJob.State

SHARES: dict[str, tuple[int, int]] = {
    State.PENDING: (0, 30),
    State.FETCHING: (0, 30),
    State.FETCHED: (30, 50),
    State.PLANNING: (30, 50),
    State.READY: (50, 50),
    State.CONFIRMED: (50, 100),
    State.IMPORTING: (50, 100),
    State.COMPLETED: (100, 100),
    State.UNDO_REQUESTED: (0, 100),
    State.UNDOING: (0, 100),
    State.UNDONE: (100, 100),
}
"""The part of the whole, in percent, that each step begins and ends at."""


def with_first_start(jobs: QuerySet[ImportJob]) -> QuerySet[ImportJob]:
    """Add `first_started_at`: a job is claimed several times and `started_at` is the last of them."""
    attempts = JobAttempt.objects.filter(kind=ImportJob._meta.label_lower, job_id=OuterRef("pk"))
    first = attempts.values("job_id").annotate(first=Min("started_at")).values("first")
    return jobs.annotate(first_started_at=Coalesce(Subquery(first), "started_at", output_field=DateTimeField()))


def progress_percent(job: ImportJob) -> int:
    """Return 0 to 100; reading counts bytes of a file or people of an account, planning and importing count rows."""
    start, end = SHARES.get(job.state) or SHARES.get(job.resume_state) or (0, 0)
    done, whole = done_of_whole(job)
    return start + int((end - start) * min(done / whole, 1.0)) if whole else start


def done_of_whole(job: ImportJob) -> tuple[int, int]:
    """Return how much of the present step is done, and of how much: 0 where nobody has said."""
    if job.state not in (State.PENDING, State.FETCHING):
        return job.processed, job.total
    if job.upload:
        return job.cursor.get("offset", 0), job.upload_size
    return job.cursor.get("position", 0), job.cursor.get("expected", 0)


def status(job: ImportJob, *, now: datetime) -> dict[str, Any]:
    """Return the job as the API shows it; expects `with_first_start`."""
    started_at: datetime | None = getattr(job, "first_started_at", job.started_at)
    ended_at = job.finished_at or now
    return {
        "id": job.pk,
        "provider": job.provider,
        "status": job.state,
        "total_contacts": job.total,
        "processed_contacts": job.processed,
        "imported_contacts": job.created + job.updated,
        "skipped_contacts": job.skipped + job.unchanged,
        "failed_contacts": job.failed + job.invalid,
        "progress_percent": progress_percent(job),
        "started_at": started_at,
        "completed_at": job.finished_at,
        "duration_seconds": round((ended_at - started_at).total_seconds(), 3) if started_at else None,
        "error_message": job.last_error or job.get_held_reason_display() or None,
    }
