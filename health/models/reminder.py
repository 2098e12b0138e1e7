from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from contacts.models import Contact
from contacts.models.owned import OwnedModel


class KeepInTouch(OwnedModel):
    """What the owner wishes for one contact: a gap between contacts, and peace from alerts until a time."""

    contact = models.OneToOneField(Contact, models.CASCADE, related_name="keep_in_touch")
    wished_gap_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    snoozed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "keep in touch"
        indexes = [models.Index(fields=["owner"], name="keepintouch_owner")]

    def __str__(self) -> str:
        return f"{self.contact}: every {self.wished_gap_days} days" if self.wished_gap_days else str(self.contact)


class Reminder(OwnedModel):
    """A follow-up that the owner wants to be reminded of on a day; contact since its creation answers it."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DONE = "done", "Done"
        DISMISSED = "dismissed", "Dismissed"

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="reminders", db_index=False)
    due_on = models.DateField()
    note = models.CharField(max_length=500, blank=True, default="")
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    told_at = models.DateTimeField(null=True, editable=False, help_text="When a digest spoke of it.")

    class Meta:
        verbose_name = "follow-up"
        ordering = ["due_on", "id"]
        indexes = [
            models.Index(fields=["owner", "due_on"], condition=Q(state="open"), name="reminder_due"),
            models.Index(fields=["contact"], name="reminder_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.due_on}: {self.note or self.contact}"
