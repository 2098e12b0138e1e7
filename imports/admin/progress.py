from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from config.jobs.models import HeldReason
from imports.models import ImportJob, ImportRow
from imports.progress import done_of_whole

State = ImportJob.State

FINAL = (State.COMPLETED, State.FAILED, State.CANCELLED, State.UNDONE)
ENDED = (State.COMPLETED, State.FAILED, State.CANCELLED)
UNDO = (State.UNDO_REQUESTED, State.UNDOING, State.UNDONE)
# Reading, planning and importing each count `processed` from zero.
PHASES = (
    ("Read", (State.PENDING, State.FETCHING)),
    ("Plan", (State.FETCHED, State.PLANNING)),
    ("Review", (State.READY,)),
    ("Import", (State.CONFIRMED, State.IMPORTING)),
    ("Done", (State.COMPLETED,)),
)
UNDO_PHASES = (("Undo", (State.UNDO_REQUESTED, State.UNDOING)), ("Undone", (State.UNDONE,)))
FIRST = (State.PENDING, State.FETCHING)
POLLED = (*ImportJob.STEPS, *ImportJob.STEPS.values())


def is_final(job: ImportJob) -> bool:
    """Say whether nothing moves any more without a person."""
    return job.state not in POLLED or job.held_reason not in ("", HeldReason.THROTTLED)


def is_undoable(job: ImportJob) -> bool:
    """Say whether to offer undoing; an interrupted one is offered as a retry."""
    return job.state in ENDED and bool(job.created or job.updated) and job.resume_state != State.UNDO_REQUESTED


def percent(job: ImportJob) -> int:
    """Return how far the current phase is, 0 to 100; a finished job is at 100."""
    if job.state in (State.COMPLETED, State.READY, State.UNDONE):
        return 100
    done, whole = done_of_whole(job)
    return min(100, done * 100 // whole) if whole else 0


def progress_context(job: ImportJob) -> dict[str, Any]:
    """Return what `imports/admin/progress.html` shows."""
    phases = UNDO_PHASES if job.state in UNDO else PHASES
    _, of_total = done_of_whole(job)
    return {
        "job": job,
        "of_total": of_total if job.account_id and job.state in FIRST else None,
        "waits_until": _waits_until(job),
        "percent": percent(job),
        "is_final": is_final(job),
        "phases": [{"name": name, "is_now": job.state in states} for name, states in phases],
        "outcomes": [{"name": name, "number": getattr(job, name)} for name in ImportRow.Outcome.values],
        "has_outcomes": job.state in (State.CONFIRMED, State.IMPORTING, *FINAL),
        "buckets": [{"name": name, "number": getattr(job, name)} for name in ImportRow.Undo.values],
        "has_buckets": job.state in UNDO or job.resume_state == State.UNDO_REQUESTED,
        "can_confirm": job.state == State.READY and not job.held_reason,
        "can_cancel": job.state not in FINAL,
        "can_pause": job.state in POLLED and not job.held_reason,
        "can_resume": job.held_reason == "paused",
        "can_undo": is_undoable(job),
        "can_retry": job.state in (State.FAILED, State.CANCELLED),
    }


def _waits_until(job: ImportJob) -> datetime | None:
    """Return when a job that waits for its provider, or after a failure, goes on by itself."""
    is_waiting = job.held_reason == HeldReason.THROTTLED or (job.state in ImportJob.STEPS and not job.held_reason)
    is_later = job.next_attempt_at > timezone.now() + timedelta(seconds=1)
    return job.next_attempt_at if is_waiting and (is_later or job.held_reason) else None
