from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Priority(models.IntegerChoices):
    """Lower numbers are claimed first."""

    PERSON = 0, "A person waits"
    NORMAL = 50, "Normal"
    BACKFILL = 100, "Backfill"


class HeldReason(models.TextChoices):
    """Why a due job is not claimed. Kinds of job may add their own."""

    PAUSED = "paused", "Paused"
    NEEDS_RECONNECT = "needs_reconnect", "Account must be reconnected"
    THROTTLED = "throttled", "Provider asked us to wait"
    NEEDS_MAPPING = "needs_mapping", "Columns must be mapped"


class LeasedJob(models.Model):
    """A job that one worker at a time holds under a lease.

    A subclass names its queue and its STEPS, the claimable state of each step with the running state that a claim
    sets. A worker that crashes, or loses its lease, leaves the job to be claimed again from the claimable state.
    A state that is in neither STEPS nor FINAL_STATES waits for a person.

        claimable -> running -> next claimable state | completed
        running -> claimable     temporary failure: again at next_attempt_at
        running -> failed        permanent failure, attempts used up, or three crashes
        any -> cancelled         by a person; a running worker notices at its next fence
    """

    QUEUE: ClassVar[str]
    STEPS: ClassVar[Mapping[str, str]]
    FINAL_STATES: ClassVar[frozenset[str]] = frozenset({"completed", "failed", "cancelled"})

    state = models.CharField(max_length=16)
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Claims since the last progress.")
    crashes = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Leases lost since the last progress."
    )
    queued_at = models.DateTimeField(db_default=Now())
    next_attempt_at = models.DateTimeField(db_default=Now())
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    lease_owner = models.CharField(max_length=100, blank=True, default="", db_default="", editable=False)
    held_reason = models.CharField(max_length=20, blank=True, default="", db_default="", choices=HeldReason.choices)
    resume_state = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Where a failed or cancelled job goes on when a person retries it.",
    )
    last_error = models.TextField(blank=True, default="", db_default="")
    error_code = models.CharField(max_length=40, blank=True, default="", db_default="")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def max_attempts(self) -> int:
        """Claims without progress after which a temporary failure becomes final."""
        return 8

    @classmethod
    def claimable_from(cls, state: str) -> str:
        """Return the claimable state of the step that `state` belongs to."""
        for claimable, running in cls.STEPS.items():
            if state in (claimable, running):
                return claimable
        raise ValueError(f"{cls.__name__} has no step with the state {state!r}")


def job_indexes(prefix: str, steps: Mapping[str, str]) -> list[models.Index]:
    """Return the two partial indexes that every job table needs: for `claim` and for `reap`."""
    return [
        models.Index(
            fields=["priority", "next_attempt_at", "id"],
            name=f"{prefix}_due",
            condition=Q(state__in=list(steps), held_reason=""),
        ),
        models.Index(
            fields=["lease_until"],
            name=f"{prefix}_leased",
            condition=Q(lease_token__isnull=False),
        ),
    ]


def job_constraints(prefix: str, steps: Mapping[str, str]) -> list[models.BaseConstraint]:
    """Return the rule that a job has a lease exactly while it is running."""
    running = Q(state__in=list(steps.values()))
    return [
        models.CheckConstraint(
            condition=(running & Q(lease_token__isnull=False)) | (~running & Q(lease_token__isnull=True)),
            name=f"{prefix}_lease_while_running",
        )
    ]


class JobAttempt(models.Model):
    """What came of one claim of one job: append-only, kept 30 days, read by the statistics."""

    class Outcome(models.TextChoices):
        COMPLETED = "completed", "Completed"
        PROGRESSED = "progressed", "Progressed"
        RETRIED = "retried", "Will be retried"
        HELD = "held", "Held"
        FAILED = "failed", "Failed"
        CRASHED = "crashed", "Crashed"
        CANCELLED = "cancelled", "Cancelled"

    kind = models.CharField(max_length=40, help_text="The job's model, as app_label.model.")
    job_id = models.BigIntegerField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(db_default=Now())
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    code = models.CharField(max_length=40, blank=True, default="")
    bytes = models.BigIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["kind", "job_id"], name="jobattempt_job"),
            models.Index(fields=["kind", "finished_at"], name="jobattempt_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.job_id}: {self.outcome}"


class WorkerBeat(models.Model):
    """When a worker cluster last did anything at all; `qguard` and /readyz read it."""

    name = models.CharField(max_length=100, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.beat_at:%H:%M:%S}"


class ScheduleSlot(models.Model):
    """One run of one schedule: the unique row decides which of several clusters runs it."""

    name = models.CharField(max_length=60)
    slot = models.DateTimeField()
    started_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "slot"], name="scheduleslot_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.slot:%Y-%m-%d %H:%M}"
