from __future__ import annotations

from django.db import models

from contacts.models.owned import OwnedModel


class MessageTemplate(OwnedModel):
    """What the owner would write to somebody who is drifting away; see `health.messages` for its placeholders."""

    class Context(models.TextChoices):
        RESCHEDULED = "meeting_rescheduled", "Meetings were moved or cancelled"
        IGNORED = "multiple_followups_ignored", "Our messages have no answer"
        GENERAL = "general_ghosting", "They are drifting away"

    context = models.CharField(max_length=30, choices=Context.choices)
    text = models.TextField(max_length=2_000)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["owner", "context"], name="messagetemplate_once")]

    def __str__(self) -> str:
        return str(self.get_context_display())
