from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from config.jobs.models import LeasedJob, job_constraints, job_indexes
from config.ownership import OwnedQuerySet
from imports.models.account import ProviderAccount

STEPS = {"queued": "running"}


class SyncRun(LeasedJob):
    """One sync of one account's mail, calendar or chats, or of one mail file.

    queued -> running -> completed     page by page; a run that is interrupted goes on from its cursor
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Kind(models.TextChoices):
        MAIL = "mail", "Mail"
        CALENDAR = "calendar", "Calendar"
        CHATS = "chats", "Chats"

    QUEUE: ClassVar[str] = "sync"
    STEPS: ClassVar = STEPS

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(ProviderAccount, models.CASCADE, null=True, blank=True, related_name="sync_runs")
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    upload = models.FileField(max_length=255, blank=True, default="", help_text="A mail file, where there is one.")
    upload_name = models.CharField(max_length=255, blank=True, default="", help_text="The file's own name.")
    since = models.DateTimeField(null=True, blank=True, help_text="For a sync of the past: from when.")
    triggered_by = models.CharField(max_length=20, default="schedule")
    cursor = models.JSONField(default=dict, blank=True, editable=False, help_text="How far this run has come.")
    seen = models.PositiveIntegerField(default=0, help_text="Messages, meetings or chats that were read.")
    written = models.PositiveIntegerField(default=0, help_text="New or changed events.")
    contacts_matched = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list, blank=True, help_text="What was left out, and why.")

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "sync"
        indexes = [
            *job_indexes("syncrun", STEPS),
            models.Index(fields=["owner", "-id"], name="syncrun_owner"),
        ]
        constraints = [
            *job_constraints("syncrun", STEPS),
            models.UniqueConstraint(
                fields=["account", "kind"],
                condition=models.Q(state__in=["queued", "running"]),
                name="syncrun_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} sync {self.pk}" + (f" of {self.upload_name}" if self.upload_name else "")
