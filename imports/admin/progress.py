from __future__ import annotations

from typing import Any

from imports.models import ImportJob

State = ImportJob.State

FINAL = (State.COMPLETED, State.FAILED, State.CANCELLED)
# Reading, planning and importing each count `processed` from zero.
PHASES = (
    ("Read", (State.PENDING, State.FETCHING)),
    ("Plan", (State.FETCHED, State.PLANNING)),
    ("Review", (State.READY,)),
    ("Import", (State.CONFIRMED, State.IMPORTING)),
    ("Done", (State.COMPLETED,)),
)
OUTCOMES = ("created", "updated", "unchanged", "skipped", "invalid", "failed")
POLLED = (State.PENDING, State.FETCHING, State.FETCHED, State.PLANNING, State.CONFIRMED, State.IMPORTING)


def is_final(job: ImportJob) -> bool:
    """Say whether nothing moves any more without a person."""
    return job.state not in POLLED or bool(job.held_reason)


def percent(job: ImportJob) -> int:
    """Return how far the current phase is, 0 to 100; a finished job is at 100."""
    if job.state in (State.COMPLETED, State.READY):
        return 100
    return min(100, job.processed * 100 // job.total) if job.total else 0


def progress_context(job: ImportJob) -> dict[str, Any]:
    """Return what `imports/admin/progress.html` shows."""
    return {
        "job": job,
        "percent": percent(job),
        "is_final": is_final(job),
        "phases": [{"name": name, "is_now": job.state in states} for name, states in PHASES],
        "outcomes": [{"name": name, "number": getattr(job, name)} for name in OUTCOMES],
        "has_outcomes": job.state in (State.CONFIRMED, State.IMPORTING, *FINAL),
        "can_confirm": job.state == State.READY and not job.held_reason,
        "can_cancel": job.state not in FINAL,
        "can_pause": job.state in POLLED and not job.held_reason,
        "can_resume": job.held_reason == "paused",
        "can_retry": job.state in (State.FAILED, State.CANCELLED),
    }
