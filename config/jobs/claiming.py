"""Take due jobs under a lease, and take back the leases of workers that died."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Field

from config.jobs.failures import FIRST_BACKOFF
from config.jobs.models import JobAttempt, LeasedJob
from config.jobs.statements import fetch

LEASE_SECONDS = 60
MAX_CRASHES = 3

Job = TypeVar("Job", bound=LeasedJob)

# The MATERIALIZED keeps the planner from running the locking subquery more than once and passing the limit.
# A job that has crashed is claimed alone: three crashes end a job, and a batch must not pay for the one that kills.
CLAIM = """
    with due as materialized (
        select id, crashes, priority, next_attempt_at from {table}
        where state in ({claimable}) and held_reason = '' and next_attempt_at <= statement_timestamp()
        order by priority, next_attempt_at, id
        limit {limit}
        for no key update skip locked
    ), ranked as (
        select id, crashes, row_number() over first_to_last as place, first_value(crashes) over first_to_last as lead
        from due
        window first_to_last as (order by priority, next_attempt_at, id)
    )
    update {table} job
    set state = {running},
        attempts = job.attempts + 1,
        lease_token = gen_random_uuid(),
        lease_until = statement_timestamp() + interval '{seconds} seconds',
        lease_owner = %s,
        started_at = statement_timestamp()
    from ranked
    where job.id = ranked.id and case when ranked.lead > 0 then ranked.place = 1 else ranked.crashes = 0 end
    returning {columns}
"""

DUE = """
    select exists (
        select from {table}
        where state in ({claimable}) and held_reason = '' and next_attempt_at <= statement_timestamp()
    )
"""

REAP = """
    with expired as materialized (
        select id, started_at from {table}
        where lease_token is not null and lease_until < statement_timestamp()
        for no key update skip locked
    ), reaped as (
        update {table} job
        set crashes = job.crashes + 1,
            state = case when job.crashes + 1 >= {max_crashes} then 'failed' else {claimable} end,
            resume_state = case when job.crashes + 1 >= {max_crashes} then {claimable} else '' end,
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


@cache
def claim_query(model: type[LeasedJob], *, limit: int) -> str:
    """Return the statement of `claim`; its parameter is the worker's name.

    The limit is in the text: a generic plan for an unknown one would expect a tenth of the table and read all of it.
    """
    return CLAIM.format(
        table=model._meta.db_table,
        claimable=_literals(model.STEPS),
        running=_case(model.STEPS),
        limit=int(limit),
        seconds=LEASE_SECONDS,
        columns=", ".join(f'job."{field.column}"' for field in model._meta.concrete_fields),
    )


def claim(model: type[Job], *, limit: int) -> list[Job]:
    """Return at most `limit` due jobs, now leased to this process; no other claim can return them.

    The attempt is counted here, so that a job that kills its worker is still counted. A job that has crashed before
    comes alone.
    """
    rows = fetch(claim_query(model, limit=limit), [worker_name()])
    return sorted((_instance(model, row) for row in rows), key=lambda job: (job.priority, job.next_attempt_at, job.pk))


def _instance(model: type[Job], row: tuple[Any, ...]) -> Job:
    """Return the job of a row of `claim_query`, as a queryset would make it."""
    fields = model._meta.concrete_fields
    values = [_converted(field, value) for field, value in zip(fields, row, strict=True)]
    return model.from_db(connection.alias, [field.attname for field in fields], values)


def _converted(field: Field[Any, Any], value: Any) -> Any:
    for convert in field.get_db_converters(connection):
        value = convert(value, field.cached_col, connection)
    return value


def is_due(model: type[LeasedJob]) -> bool:
    """Return whether a claim would find a job now."""
    query = DUE.format(table=model._meta.db_table, claimable=_literals(model.STEPS))
    with connection.cursor() as cursor:
        cursor.execute(query)
        return bool(cursor.fetchone()[0])


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
