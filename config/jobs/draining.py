"""Run a queue: the same loop under django-q2, in `run_jobs` and behind the cron addresses."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import connection

from config.jobs import lifeline
from config.jobs.bell import ring
from config.jobs.claiming import claim, reap
from config.jobs.failures import JobFailure
from config.jobs.leases import LeaseLost, fenced_many, heartbeat
from config.jobs.models import JobAttempt, LeasedJob
from config.jobs.settling import Settlement, failed, settle

log = structlog.get_logger(__name__)

SOFT_BUDGET_SECONDS = 45.0

Outcome = JobAttempt.Outcome


@dataclass(frozen=True)
class Budget:
    """Until when a drain goes on; a runner with a long job asks it between steps.

    It is also spent when the process was asked to end: by `stop`, or by the guard of its cluster.
    """

    until: float | None
    stop: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, seconds: float | None, *, stop: threading.Event | None = None) -> Budget:
        return cls(None if seconds is None else time.monotonic() + seconds, stop or threading.Event())

    def is_spent(self) -> bool:
        is_late = self.until is not None and time.monotonic() >= self.until
        return is_late or self.stop.is_set() or lifeline.is_cut()


@dataclass(frozen=True)
class Queue:
    """A kind of job and how to run it.

    `run(jobs, budget)` settles every job it is given and returns the settlements that took effect. What it raises is
    recorded: a JobFailure on all of them, anything else on the job that raises it when each is run again alone.
    """

    name: str
    model: type[LeasedJob]
    run: Callable[[Sequence[Any], Budget], Sequence[Settlement]]
    batch_size: Callable[[], int] = lambda: 1


@dataclass
class Drained:
    """What a drain did, counted in settlements."""

    outcomes: Counter[str] = field(default_factory=Counter)
    is_empty: bool = True

    @property
    def processed(self) -> int:
        return sum(self.outcomes.values())

    def as_counts(self) -> dict[str, int]:
        return {
            "processed": self.processed,
            "completed": self.outcomes[Outcome.COMPLETED],
            "retried": self.outcomes[Outcome.RETRIED] + self.outcomes[Outcome.HELD],
            "failed": self.outcomes[Outcome.FAILED],
        }


queues: dict[str, Queue] = {}


def register(queue: Queue) -> None:
    """Make `queue` known; called from AppConfig.ready of the app that owns the jobs."""
    queues[queue.name] = queue


def drain(
    name: str,
    *,
    seconds: float | None = SOFT_BUDGET_SECONDS,
    is_ringing: bool = True,
    stop: threading.Event | None = None,
    on_settled: Callable[[Settlement], None] | None = None,
) -> Drained:
    """Run due jobs of the queue until none is due, `stop` is set or `seconds` have passed (None: no limit).

    Ends early only after the batch at hand; then `is_empty` is false and, with `is_ringing`, a worker is woken.
    `on_settled` is told of each job as it leaves our hands.
    """
    queue, budget, drained = queues[name], Budget.of(seconds, stop=stop), Drained()
    while not budget.is_spent():
        jobs = claim(queue.model, limit=queue.batch_size())
        if not jobs:
            return drained
        for settlement in _run(queue, jobs, budget):
            drained.outcomes[settlement.outcome] += 1
            if on_settled is not None:
                on_settled(settlement)
    drained.is_empty = False
    if is_ringing:
        ring(name)
    return drained


def reap_all() -> int:
    """Return the jobs of dead workers to their queues; their number."""
    return sum(reap(queue.model) for queue in queues.values())


def _run(queue: Queue, jobs: Sequence[LeasedJob], budget: Budget) -> Sequence[Settlement]:
    with heartbeat.holding(jobs):
        try:
            return queue.run(jobs, budget)
        except LeaseLost:
            log.warning("lease_lost", queue=queue.name, jobs=[job.pk for job in jobs])
            return []
        except JobFailure as failure:
            log.info("jobs_failed", queue=queue.name, jobs=[job.pk for job in jobs], code=failure.code)
            return settle([failed(job, failure) for job in jobs])
        except Exception as error:
            log.exception("job_failed", queue=queue.name, jobs=[job.pk for job in jobs])
            _drop_broken_connection()
            if len(jobs) > 1:
                return _run_each(queue, jobs, budget)
            return settle([failed(job, error) for job in jobs])


def _run_each(queue: Queue, jobs: Sequence[LeasedJob], budget: Budget) -> list[Settlement]:
    """Find out which job of a batch raises, so that the others are not blamed; those already settled are left out."""
    with fenced_many(jobs) as held:
        pass
    return [settlement for job in held for settlement in _run(queue, [job], budget)]


def _drop_broken_connection() -> None:
    """Let the next statement connect anew if the runner has lost the connection; what is lost cannot record."""
    if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
        connection.close()
