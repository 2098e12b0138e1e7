"""Run one job now, in the process of the person who waits for it, by the same leases and fences as the workers."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import structlog
from django.db.models import F
from django.db.models.functions import Now

from config.jobs.claiming import LEASE_SECONDS, worker_name
from config.jobs.draining import Budget, queues
from config.jobs.leases import LeaseLost, heartbeat
from config.jobs.models import LeasedJob
from config.jobs.settling import failed, settle

log = structlog.get_logger(__name__)


def lease(job: LeasedJob) -> bool:
    """Claim this one job for this process and return whether it is ours; in the transaction that makes it due, it is.

    Should the process die, the reaper returns the job to the queue as it does those of workers.
    """
    model = type(job)
    rows = model._default_manager.filter(pk=job.pk, state=job.state, state__in=list(model.STEPS), lease_token=None)
    is_ours = rows.update(
        state=model.STEPS.get(job.state, job.state),
        attempts=F("attempts") + 1,
        lease_token=uuid4(),
        lease_until=Now() + timedelta(seconds=LEASE_SECONDS),
        lease_owner=worker_name(),
        started_at=Now(),
    )
    job.refresh_from_db()
    return bool(is_ours)


def run_leased(job: LeasedJob) -> None:
    """Run a job that `lease` gave, outside of transactions; what came of it is in its row."""
    with heartbeat.holding([job]):
        try:
            queues[job.QUEUE].run([job], Budget.of(None))
        except LeaseLost:
            log.warning("lease_lost", queue=job.QUEUE, jobs=[job.pk])
        except Exception as error:
            log.exception("job_failed", queue=job.QUEUE, jobs=[job.pk])
            settle([failed(job, error)])
    job.refresh_from_db()
