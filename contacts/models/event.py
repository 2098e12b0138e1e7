from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from contacts.models.contact import Contact
from contacts.models.owned import OwnedModel


class CommunicationEvent(OwnedModel):
    """Something that happened between the owner and a contact."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        CALL = "call", "Call"
        CHAT = "chat", "Chat message"
        NOTE = "note", "Note"
        MEETING = "meeting", "Meeting"
        MEETING_MOVED = "meeting_moved", "Meeting moved"
        MEETING_CANCELLED = "meeting_cancelled", "Meeting cancelled"

    class Direction(models.TextChoices):
        INBOUND = "inbound", "From them"
        OUTBOUND = "outbound", "From us"
        MUTUAL = "mutual", "Both ways"

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    direction = models.CharField(max_length=10, choices=Direction.choices, default=Direction.MUTUAL)
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    source = models.CharField(max_length=16, default="manual")
    external_id = models.CharField(max_length=255)
    thread_id = models.CharField(max_length=255, blank=True, default="", db_default="")
    subject = models.CharField(max_length=500, blank=True, default="", db_default="")
    body = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="What a person wrote down; never mail text.",
    )
    automated = models.BooleanField(default=False, db_default=False)
    rating = models.DecimalField(
        max_digits=3,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="How it went, by the owner's own judgement: -1 (badly) to 1 (well).",
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    answer_seconds = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["-happened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id", "contact"],
                name="communicationevent_once",
            ),
            models.CheckConstraint(
                condition=models.Q(rating__isnull=True) | models.Q(rating__gte=-1, rating__lte=1),
                name="communicationevent_rating",
            ),
        ]
        indexes = [
            # The timeline; and all that health reads of an event, so that scoring need not visit the table.
            models.Index(
                fields=["contact", "-happened_at"],
                include=["id", "owner", "kind", "direction", "thread_id", "automated", "rating"],
                name="communicationevent_facts",
            ),
            models.Index(fields=["owner", "-happened_at"], name="communicationevent_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on {self.happened_at:%Y-%m-%d}"
