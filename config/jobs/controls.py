"""What a person does to jobs: retry, cancel, pause, resume. Each is set-based and safe beside running workers.

A lease that is taken away here makes the worker fail at its next fence; a fence that was first makes us wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Case, Expression, F, Q, QuerySet, Value, When
from django.db.models.functions import Greatest, Now

from config.jobs.bell import ring
from config.jobs.models import HeldReason, JobAttempt, LeasedJob, Priority

REVOKED = {"lease_token": None, "lease_until": None}


def retry(jobs: QuerySet[Any]) -> int:
    """Put failed and cancelled jobs back to where they were, ahead of the others; return how many."""
    model = jobs.model
    with _locked(jobs, Q(state__in=["failed", "cancelled"])) as locked:
        count = locked.update(
            state=Case(When(resume_state="", then=Value(next(iter(model.STEPS)))), default=F("resume_state")),
            resume_state="",
            priority=Priority.PERSON,
            attempts=0,
            crashes=0,
            held_reason="",
            last_error="",
            error_code="",
            next_attempt_at=Now(),
            finished_at=None,
        )
        _ring(model, count)
    return count


def cancel(jobs: QuerySet[Any]) -> int:
    """End every job that has not ended, also those that run; return how many."""
    model = jobs.model
    with _locked(jobs, ~Q(state__in=model.FINAL_STATES)) as locked:
        _note(locked, outcome=JobAttempt.Outcome.CANCELLED, code="cancelled")
        return locked.update(
            state="cancelled",
            resume_state=_at_rest(model),
            held_reason="",
            last_error="",
            error_code="",
            finished_at=Now(),
            **REVOKED,
        )


def pause(jobs: QuerySet[Any]) -> int:
    """Hold jobs that have not ended until they are resumed; a running one stops and keeps what it has done."""
    model = jobs.model
    with _locked(jobs, ~Q(state__in=model.FINAL_STATES), held_reason="") as locked:
        running = locked.filter(lease_token__isnull=False)
        _note(running, outcome=JobAttempt.Outcome.HELD, code=HeldReason.PAUSED)
        # The interrupted claim was no failure of the job: give the attempt back.
        running.update(attempts=Greatest(F("attempts") - 1, Value(0)))
        return locked.update(state=_at_rest(model), held_reason=HeldReason.PAUSED, **REVOKED)


def resume(jobs: QuerySet[Any], *, reason: str = HeldReason.PAUSED) -> int:
    """Let jobs go on that were held for `reason`; return how many."""
    with _locked(jobs, held_reason=reason) as locked:
        count = locked.update(held_reason="", next_attempt_at=Now(), attempts=0)
        _ring(jobs.model, count)
    return count


@contextmanager
def _locked(jobs: QuerySet[Any], *conditions: Q, **lookups: Any) -> Iterator[QuerySet[Any]]:
    """Open a transaction and lock those of `jobs` that meet the conditions, in the order of `config.jobs.leases`."""
    everything: QuerySet[Any] = jobs.model._base_manager.all()
    with transaction.atomic():
        chosen = everything.filter(*conditions, pk__in=jobs.values("pk"), **lookups)
        ids = list(chosen.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        yield everything.filter(pk__in=ids)


def _at_rest(model: type[LeasedJob]) -> Expression:
    """Return the job's own state, or for a running job the state it was claimed from."""
    steps = [When(state=running, then=Value(claimable)) for claimable, running in model.STEPS.items()]
    return Case(*steps, default=F("state"))


def _note(jobs: QuerySet[Any], *, outcome: str, code: str) -> None:
    rows = jobs.values_list("pk", "started_at", "lease_token")
    JobAttempt.objects.bulk_create(
        [
            JobAttempt(
                kind=jobs.model._meta.label_lower,
                job_id=pk,
                started_at=started_at if lease_token else None,
                outcome=outcome,
                code=code,
            )
            for pk, started_at, lease_token in rows
        ],
        batch_size=1_000,
    )


def _ring(model: type[LeasedJob], count: int) -> None:
    if count:
        ring(model.QUEUE)
