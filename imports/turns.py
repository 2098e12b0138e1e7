"""Imports of one owner take turns: each is planned when the earlier ones have written, and written one after the other.

Otherwise two files with the same people, uploaded together, would both plan to create them. Accounts take turns in
being asked, so that a large one does not keep a worker from the others; and all wait while a provider wants us to.
"""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Least, Now

from config.jobs.bell import ring
from config.jobs.draining import Budget
from config.jobs.failures import TemporaryFailure, backoff
from config.jobs.models import HeldReason, JobAttempt
from config.jobs.settling import Settlement
from imports.models import ImportJob, SyncRun

State = ImportJob.State

TURN_SECONDS = 10
THROTTLED = "throttled"
LONGEST_WAIT_AFTER = 5
WRITING = Q(state__in=[State.CONFIRMED, State.IMPORTING, State.UNDO_REQUESTED, State.UNDOING])
ABOUT_TO_WRITE = WRITING | Q(state__in=[State.FETCHED, State.PLANNING], has_preview=False)


def must_wait_to_plan(job: ImportJob) -> bool:
    """Say whether an earlier import of the owner will write without anybody being asked; one in trouble is passed."""
    is_going = Q(attempts=0) | Q(lease_token__isnull=False)
    earlier = ImportJob.objects.filter(ABOUT_TO_WRITE, is_going, owner_id=job.owner_id, held_reason="", pk__lt=job.pk)
    return earlier.exists()


def must_wait_to_write(job: ImportJob) -> bool:
    """Say whether another import of the owner, that began before this one, is writing or being undone."""
    is_writing = Q(state__in=[State.IMPORTING, State.UNDOING])
    others = ImportJob.objects.filter(is_writing, owner_id=job.owner_id).exclude(pk=job.pk)
    return any((other.started_at, other.pk) < (job.started_at, job.pk) for other in others)


def waiting(job: ImportJob) -> Settlement:
    """Put the job back until `let_others_go`, or a few seconds, whichever comes first."""
    return Settlement(
        job=job,
        state=job.claimable_from(job.state),
        outcome=JobAttempt.Outcome.PROGRESSED,
        delay=timedelta(seconds=TURN_SECONDS),
    )


def let_others_go(job: ImportJob) -> None:
    """Make the imports due that wait for this one."""
    others = ImportJob.objects.filter(
        owner_id=job.owner_id,
        state__in=[State.FETCHED, State.CONFIRMED, State.UNDO_REQUESTED],
        attempts=0,
        next_attempt_at__gt=Now(),
    )
    if others.update(next_attempt_at=Now()):
        ring(ImportJob.QUEUE)


class Turn:
    """How long a worker stays with one import: as long as its budget lasts, or with `is_short` at most 10 seconds."""

    def __init__(self, budget: Budget, *, is_short: bool) -> None:
        self._budget = budget
        self._until = time.monotonic() + TURN_SECONDS if is_short else None

    def is_over(self) -> bool:
        is_late = self._until is not None and time.monotonic() >= self._until
        return is_late or self._budget.is_spent()


def throttled(job: ImportJob, failure: TemporaryFailure) -> Settlement:
    """Hold the job for as long as its provider has asked; that is no failure, and does not use up attempts."""
    return Settlement(
        job=job,
        state=job.claimable_from(job.state),
        outcome=JobAttempt.Outcome.HELD,
        code=THROTTLED,
        error=str(failure),
        held_reason=HeldReason.THROTTLED,
        delay=backoff(min(job.attempts, LONGEST_WAIT_AFTER), retry_after=failure.retry_after),
    )


def release_throttled() -> int:
    """Let the jobs go on whose provider has been given the time that it asked for; return how many.

    Their attempts stay, so that the next wait is longer, but never become so many that another failure is the last.
    """
    count = 0
    for model in (ImportJob, SyncRun):
        waited = model.objects.filter(held_reason=HeldReason.THROTTLED, next_attempt_at__lte=Now())
        with transaction.atomic():
            if released := waited.update(held_reason="", attempts=Least("attempts", LONGEST_WAIT_AFTER)):
                ring(model.QUEUE)
            count += released
    return count
