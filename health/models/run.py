from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from config.jobs.models import LeasedJob, job_constraints, job_indexes

STEPS = {"queued": "running"}


class HealthRun(LeasedJob):
    """One refresh of the due scores of one owner, or of all active ones.

    queued -> running -> completed     in ranges; a run that is interrupted goes on where it stopped
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    QUEUE: ClassVar[str] = "health"
    STEPS: ClassVar = STEPS

    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+", help_text="Only this user."
    )
    is_for_everyone = models.BooleanField(default=False, help_text="Also for users who have not been here for a while.")
    profile = models.CharField(max_length=20, blank=True, default="", help_text="Else the active profile.")
    only = ArrayField(models.UUIDField(), default=list, blank=True, help_text="Only these contacts of the owner.")
    max_age_hours = models.PositiveIntegerField(default=24)
    triggered_by = models.CharField(max_length=20, default="command")
    as_of = models.DateTimeField(null=True, editable=False, help_text="The moment for which scores are computed.")
    done_owners = models.JSONField(default=list, editable=False, help_text="Ids of the users who are through.")
    users_processed = models.PositiveIntegerField(default=0)
    deals_refreshed = models.PositiveIntegerField(default=0)
    relationships_refreshed = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = "refresh"
        verbose_name_plural = "refreshes"
        ordering = ["-id"]
        indexes = job_indexes("healthrun", STEPS)
        constraints = job_constraints("healthrun", STEPS)

    def __str__(self) -> str:
        return f"Refresh {self.pk}"
