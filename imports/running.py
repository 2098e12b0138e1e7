"""Run import jobs: one step of a job for each claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from config.jobs.draining import Budget
from config.jobs.settling import Settlement
from imports.executing import execute
from imports.fetching import fetch
from imports.models import ImportJob
from imports.planning import plan

STEPS: dict[str, Callable[[ImportJob, Budget], list[Settlement]]] = {
    ImportJob.State.FETCHING: fetch,
    ImportJob.State.PLANNING: plan,
    ImportJob.State.IMPORTING: execute,
}


def run_import_jobs(jobs: Sequence[ImportJob], budget: Budget) -> list[Settlement]:
    """Take each job one step further, or as far as the budget allows."""
    return [settlement for job in jobs for settlement in STEPS[job.state](job, budget)]
