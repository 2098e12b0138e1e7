"""How a job leaves a worker's hands: one set-based statement for any number of jobs and any mix of outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from config.jobs.failures import (
    CursorFailure,
    JobFailure,
    PermanentFailure,
    PermissionFailure,
    TemporaryFailure,
    backoff,
)
from config.jobs.models import HeldReason, JobAttempt, LeasedJob
from config.jobs.statements import fetch

Outcome = JobAttempt.Outcome

MAX_CODE = 40
MAX_MESSAGE = 2_000

SETTLE = """
    with settled as (
        update {table} job
        set state = s.state,
            resume_state = s.resume_state,
            held_reason = s.held_reason,
            error_code = s.code,
            last_error = s.error,
            next_attempt_at = statement_timestamp() + s.delay,
            attempts = case when s.progress then 0 else job.attempts end,
            crashes = case when s.progress then 0 else job.crashes end,
            finished_at = case when s.final then statement_timestamp() end,
            lease_token = null, lease_until = null
        from unnest(%s::bigint[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                    %s::interval[], %s::boolean[], %s::boolean[], %s::text[], %s::bigint[])
             as s(id, token, state, resume_state, held_reason, code, error, delay, progress, final, outcome, bytes)
        where job.id = s.id and job.lease_token = s.token
        returning job.id, job.started_at, s.outcome, s.code, s.bytes
    ), noted as (
        insert into {attempts} (kind, job_id, started_at, finished_at, outcome, code, bytes)
        select %s, id, started_at, statement_timestamp(), outcome, code, bytes from settled
    )
    select id from settled
"""


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What becomes of one claimed job."""

    job: LeasedJob
    state: str
    outcome: str
    code: str = ""
    error: str = ""
    delay: timedelta = timedelta(0)
    held_reason: str = ""
    bytes: int = 0

    @property
    def resume_state(self) -> str:
        return self.job.claimable_from(self.job.state) if self.outcome == Outcome.FAILED else ""

    @property
    def is_final(self) -> bool:
        return self.outcome in (Outcome.COMPLETED, Outcome.FAILED, Outcome.CANCELLED)

    @property
    def is_progress(self) -> bool:
        return self.outcome in (Outcome.COMPLETED, Outcome.PROGRESSED)


def completed(job: LeasedJob, *, state: str = "completed", code: str = "", bytes: int = 0) -> Settlement:
    """The job has reached its end."""
    return Settlement(job=job, state=state, outcome=Outcome.COMPLETED, code=code, bytes=bytes)


def progressed(job: LeasedJob, *, state: str | None = None) -> Settlement:
    """The job got further and goes on in `state`, by default the step it is in; attempts count from zero again."""
    return Settlement(
        job=job,
        state=state or job.claimable_from(job.state),
        outcome=Outcome.PROGRESSED,
    )


def failed(job: LeasedJob, error: Exception, *, bytes: int = 0) -> Settlement:
    """Decide by the class of `error` whether the job is retried, held or failed for good."""
    code = error.code if isinstance(error, JobFailure) else "internal_error"
    message = _plain(error) if isinstance(error, JobFailure) else f"Unexpected {type(error).__name__}; see the log."
    details: dict[str, Any] = {
        "job": job,
        "code": code[:MAX_CODE],
        "error": message,
        "bytes": bytes,
    }
    if isinstance(error, PermissionFailure):
        return Settlement(
            **details,
            state=job.claimable_from(job.state),
            outcome=Outcome.HELD,
            held_reason=HeldReason.NEEDS_RECONNECT,
        )
    if isinstance(error, PermanentFailure) or job.attempts >= job.max_attempts:
        return Settlement(**details, state="failed", outcome=Outcome.FAILED)
    retry_after = error.retry_after if isinstance(error, TemporaryFailure) else None
    delay = timedelta(0) if isinstance(error, CursorFailure) else backoff(job.attempts, retry_after=retry_after)
    return Settlement(
        **details,
        state=job.claimable_from(job.state),
        outcome=Outcome.RETRIED,
        delay=delay,
    )


def _plain(error: JobFailure) -> str:
    """Return the message as PostgreSQL can store it: a failure that cannot be recorded would come back for ever."""
    text = str(error)[:MAX_MESSAGE].replace("\x00", "")
    return text.encode("utf-8", "replace").decode()


@cache
def settle_query(model: type[LeasedJob]) -> str:
    """Return the statement of `settle`; see `settle_parameters`."""
    return SETTLE.format(table=model._meta.db_table, attempts=JobAttempt._meta.db_table)


def settle_parameters(settlements: Sequence[Settlement]) -> list[Any]:
    return [
        [s.job.pk for s in settlements],
        [s.job.lease_token for s in settlements],
        [s.state for s in settlements],
        [s.resume_state for s in settlements],
        [s.held_reason for s in settlements],
        [s.code for s in settlements],
        [s.error for s in settlements],
        [s.delay for s in settlements],
        [s.is_progress for s in settlements],
        [s.is_final for s in settlements],
        [s.outcome for s in settlements],
        [s.bytes for s in settlements],
        type(settlements[0].job)._meta.label_lower,
    ]


def settle(settlements: Sequence[Settlement]) -> list[Settlement]:
    """Write these outcomes and their attempts; return those that took effect, as the others' leases were lost.

    Call it inside the transaction that writes the effects: this is the last fence.
    """
    if not settlements:
        return []
    settlements = sorted(settlements, key=lambda settlement: settlement.job.pk)
    model = type(settlements[0].job)
    effective = {row[0] for row in fetch(settle_query(model), settle_parameters(settlements))}
    return [settlement for settlement in settlements if settlement.job.pk in effective]
