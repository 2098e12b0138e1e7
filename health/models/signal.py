from __future__ import annotations

from django.db import models
from django.db.models import Q

from contacts.models import Contact
from health.models.computed import ComputedModel


class Signal(ComputedModel):
    """A sign that a contact is drifting away: one open row per contact and type, resolved when it no longer holds."""

    class Type(models.TextChoices):
        NO_RESPONSE = "email_no_response", "E-mails without answer"
        SLOWER = "response_time_increased", "Answers take longer"
        RESCHEDULED = "meeting_rescheduled_repeatedly", "Meetings moved or cancelled"
        SENTIMENT = "sentiment_declining", "Mood declining"
        DROPOUT = "thread_dropout", "Conversation broke off"
        PATTERN_BREAK = "engagement_pattern_break", "Out of rhythm"

    class Severity(models.TextChoices):
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="health_signals", db_index=False)
    type = models.CharField(max_length=30, choices=Type.choices)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    detected_at = models.DateTimeField()
    changed_at = models.DateTimeField(help_text="When the severity last changed.")
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-detected_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["contact", "type"], condition=Q(resolved_at=None), name="signal_one_open"),
        ]
        indexes = [
            models.Index(fields=["contact", "-detected_at"], name="signal_contact"),
            models.Index(fields=["owner", "-detected_at"], name="signal_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()} ({self.severity})"
