"""What the commands that import say at the end, one object for each job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imports.models import ImportJob, ImportRow
from imports.planning import expected_counts

State = ImportJob.State

OUTCOMES = ImportRow.Outcome.values
SUMS = ("total", *OUTCOMES, "photos_queued")


def report(job: ImportJob, *, is_preview: bool) -> dict[str, Any]:
    """Return what became of the job, or for a preview what would; the six outcomes add up to the total."""
    counts = expected_counts(job) if is_preview else {name: getattr(job, name) for name in OUTCOMES}
    return {
        "job_id": job.pk,
        "state": job.state,
        "total": job.total,
        **counts,
        "photos_queued": job.photos_queued,
        "duration_ms": _milliseconds(job),
    }


def sums(reports: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(each[name] for each in reports) for name in SUMS}


def lines(job: ImportJob, reported: dict[str, Any], *, is_preview: bool) -> list[str]:
    """Return the same in plain words."""
    verb = "would be" if is_preview else "were"
    counts = ", ".join(f"{reported[name]} {name}" for name in OUTCOMES)
    queued = [f"  {reported['photos_queued']} pictures are queued."] if reported["photos_queued"] else []
    return [f"{job.upload_name}: {reported['total']} entries; {counts} ({verb}).", *queued]


def problem(job: ImportJob, *, is_preview: bool) -> str:
    """Return why the job has not come to where it should, "" when it has."""
    if job.state == (State.READY if is_preview else State.COMPLETED):
        return ""
    reason = job.last_error or job.get_held_reason_display() or f"it is {job.get_state_display().lower()}"
    return f"{job.upload_name}: {'the preview' if is_preview else 'the import'} did not finish: {reason}"


def _milliseconds(job: ImportJob) -> int:
    ended_at = job.finished_at or job.next_attempt_at
    return max(0, round((ended_at - job.queued_at).total_seconds() * 1_000))
