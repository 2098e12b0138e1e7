"""Take due jobs under a lease, and take back the leases of workers that died."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import TypeVar

from django.db import connection, transaction

from config.jobs.failures import FIRST_BACKOFF
from config.jobs.models import JobAttempt, LeasedJob

LEASE_SECONDS = 60
MAX_CRASHES = 3

Job = TypeVar("Job", bound=LeasedJob)

# The MATERIALIZED keeps the planner from running the locking subquery more than once and passing the limit.
CLAIM = """
    with due as materialized (
        select id from {table}
        where state in ({claimable}) and held_reason = '' and next_attempt_at <= statement_timestamp()
        order by priority, next_attempt_at, id
        limit %s
        for update skip locked
    )
    update {table} job
    set state = {running},
        attempts = job.attempts + 1,
        lease_token = gen_random_uuid(),
        lease_until = statement_timestamp() + interval '{seconds} seconds',
        lease_owner = %s,
        started_at = statement_timestamp()
    from due where job.id = due.id
    returning job.*
"""

REAP = """
    with expired as materialized (
        select id, state, crashes, started_at from {table}
        where lease_token is not null and lease_until < statement_timestamp()
        for update skip locked
    ), reaped as (
        update {table} job
        set crashes = job.crashes + 1,
            state = case when job.crashes + 1 >= {max_crashes} then 'failed' else {claimable} end,
            error_code = 'crashed',
            last_error = 'The worker stopped without a word while it held this job.',
            finished_at = case when job.crashes + 1 >= {max_crashes} then statement_timestamp() end,
            next_attempt_at = statement_timestamp() + interval '1 second' * %s * power(2, job.crashes),
            lease_token = null, lease_until = null
        from expired where job.id = expired.id
        returning job.id, expired.started_at
    )
    insert into {attempts} (kind, job_id, started_at, finished_at, outcome, code, bytes)
    select %s, id, started_at, statement_timestamp(), 'crashed', 'crashed', 0 from reaped
"""


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def claim(model: type[Job], *, limit: int) -> list[Job]:
    """Return at most `limit` due jobs, now leased to this process; no other claim can return them.

    The attempt is counted here, so that a job that kills its worker is still counted.
    """
    query = CLAIM.format(
        table=model._meta.db_table,
        claimable=_literals(model.STEPS),
        running=_case(model.STEPS),
        seconds=LEASE_SECONDS,
    )
    with transaction.atomic():
        claimed = list(model._default_manager.raw(query, [limit, worker_name()]))
    return sorted(claimed, key=lambda job: (job.priority, job.next_attempt_at, job.pk))


def reap(model: type[LeasedJob]) -> int:
    """Return jobs whose lease has expired to their claimable state, or fail them after three crashes; their number."""
    query = REAP.format(
        table=model._meta.db_table,
        attempts=JobAttempt._meta.db_table,
        claimable=_case({running: claimable for claimable, running in model.STEPS.items()}),
        max_crashes=MAX_CRASHES,
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [FIRST_BACKOFF.total_seconds(), model._meta.label_lower])
        return int(cursor.rowcount)


def _literals(states: Mapping[str, str]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def _case(steps: Mapping[str, str]) -> str:
    """Return SQL that maps the job's state; literal, so that the partial index of `claim` is used."""
    branches = " ".join(f"when '{before}' then '{after}'" for before, after in steps.items())
    return f"case job.state {branches} end"
