from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from config.jobs.models import LeasedJob, job_constraints, job_indexes
from config.ownership import OwnedQuerySet

STEPS = {"pending": "sending"}


class Notice(LeasedJob):
    """One message to one owner by one channel.

        pending -> sending -> completed     its text goes when it is sent; the row stays for 30 days

    Addresses are not in the row: the webhook's is a secret and comes from the setting that `webhook` names, the
    e-mail's is the owner's at the time of sending.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        SENDING = "sending", "Sending"
        COMPLETED = "completed", "Sent"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Channel(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        EMAIL = "email", "E-mail"

    QUEUE: ClassVar[str] = "notices"
    STEPS: ClassVar = STEPS

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    kind = models.CharField(max_length=40)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    key = models.CharField(
        max_length=200, blank=True, default="", help_text="Two notices of a kind with one key are one."
    )
    webhook = models.CharField(max_length=60, blank=True, default="", help_text="The setting that holds the address.")
    payload = models.JSONField(null=True, blank=True)
    subject = models.CharField(max_length=200)
    body = models.TextField(blank=True, default="")
    html = models.TextField(blank=True, default="", db_default="", help_text="The same as the text, for an e-mail.")

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [*job_indexes("notice", STEPS), models.Index(fields=["owner", "-id"], name="notice_owner")]
        constraints = [
            *job_constraints("notice", STEPS),
            models.UniqueConstraint(
                fields=["owner", "kind", "channel", "key"], condition=~Q(key=""), name="notice_once"
            ),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def max_attempts(self) -> int:
        """About six hours, the length of a bad outage."""
        return 14
