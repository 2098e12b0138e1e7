from __future__ import annotations

from typing import Any

from imports.models import ImportJob, ImportRow

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
OUTCOMES = ("created", "updated", "unchanged", "skipped", "invalid", "failed")
POLLED = (*ImportJob.STEPS, *ImportJob.STEPS.values())


def is_final(job: ImportJob) -> bool:
    """Say whether nothing moves any more without a person."""
    return job.state not in POLLED or bool(job.held_reason)


def is_undoable(job: ImportJob) -> bool:
    """Say whether to offer undoing; an interrupted one is offered as a retry."""
    return job.state in ENDED and bool(job.created or job.updated) and job.resume_state != State.UNDO_REQUESTED


def percent(job: ImportJob) -> int:
    """Return how far the current phase is, 0 to 100; a finished job is at 100."""
    if job.state in (State.COMPLETED, State.READY, State.UNDONE):
        return 100
    return min(100, job.processed * 100 // job.total) if job.total else 0


def progress_context(job: ImportJob) -> dict[str, Any]:
    """Return what `imports/admin/progress.html` shows."""
    phases = UNDO_PHASES if job.state in UNDO else PHASES
    return {
        "job": job,
        "percent": percent(job),
        "is_final": is_final(job),
        "phases": [{"name": name, "is_now": job.state in states} for name, states in phases],
        "outcomes": [{"name": name, "number": getattr(job, name)} for name in OUTCOMES],
        "has_outcomes": job.state in (State.CONFIRMED, State.IMPORTING, *FINAL),
        "buckets": [{"name": name, "number": getattr(job, name)} for name in ImportRow.Undo.values],
        "has_buckets": job.state in UNDO or job.resume_state == State.UNDO_REQUESTED,
        "can_confirm": job.state == State.READY and not job.held_reason,
        "can_cancel": job.state not in FINAL,
        "can_pause": job.state in POLLED and not job.held_reason,
        "can_resume": job.held_reason == "paused",
        "can_undo": job.state in ENDED
        and bool(job.created or job.updated)
        and job.resume_state != State.UNDO_REQUESTED,
        "can_retry": job.state in (State.FAILED, State.CANCELLED),
    }
