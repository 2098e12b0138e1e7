"""Run import jobs: one step of a job for each claim."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.utils import timezone

from config.jobs.draining import Budget, drain, reap_all
from config.jobs.models import HeldReason
from config.jobs.settling import Settlement
from imports.ending import tell_of_ended
from imports.executing import execute
from imports.fetching import fetch
from imports.models import ImportJob
from imports.planning import plan
from imports.turns import release_throttled
from imports.undoing import undo

POLL_SECONDS = 0.5
PATIENCE = timedelta(minutes=2)

STEPS: dict[str, Callable[[ImportJob, Budget], list[Settlement]]] = {
    ImportJob.State.FETCHING: fetch,
    ImportJob.State.PLANNING: plan,
    ImportJob.State.IMPORTING: execute,
    ImportJob.State.UNDOING: undo,
}


def run_import_jobs(jobs: Sequence[ImportJob], budget: Budget) -> list[Settlement]:
    """Take each job one step further, or as far as the budget allows."""
    settlements = [settlement for job in jobs for settlement in STEPS[job.state](job, budget)]
    if any(settlement.is_final for settlement in settlements):
        tell_of_ended(now=timezone.now())
    return settlements


def run_to_rest(job: ImportJob) -> None:
    """Work on the queue until this job has come to rest, whoever runs it; leaves its last values in `job`.

    A wait that its provider asks for is waited for, if it is no longer than two minutes.
    """
    while _is_on_its_way(job):
        release_throttled()
        drained = drain(ImportJob.QUEUE, is_ringing=False)
        job.refresh_from_db()
        if not drained.processed and _is_on_its_way(job):
            time.sleep(POLL_SECONDS)
            reap_all()


def _is_on_its_way(job: ImportJob) -> bool:
    is_at_rest = job.state in (ImportJob.State.READY, *ImportJob.FINAL_STATES)
    return not is_at_rest and (not job.held_reason or _is_short_wait(job))


def _is_short_wait(job: ImportJob) -> bool:
    return job.held_reason == HeldReason.THROTTLED and job.next_attempt_at < timezone.now() + PATIENCE
