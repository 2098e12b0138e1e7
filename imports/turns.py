"""Imports of one owner take turns: each is planned when the earlier ones have written, and written one after the other.

Otherwise two files with the same people, uploaded together, would both plan to create them.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from config.jobs.bell import ring
from config.jobs.models import JobAttempt
from config.jobs.settling import Settlement
from imports.models import ImportJob

State = ImportJob.State

TURN_SECONDS = 10
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
