from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from contacts.models.contact import Contact
from contacts.models.owned import OwnedModel

UNDO_WINDOW = timedelta(days=30)
CERTAIN = 100


class DuplicateSuggestion(OwnedModel):
    """Two contacts that may be the same person; `first` has the smaller id, so a pair is there once.

    open -> dismissed by a person, for good; a merge takes the suggestion away with the contact.
    """

    class Reason(models.TextChoices):
        EMAIL = "email", "Same e-mail address"
        PHONE = "phone", "Same phone number"
        NAME = "name", "Same name and organization"
        PICTURE = "picture", "Same picture"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DISMISSED = "dismissed", "Not the same"

    first = models.ForeignKey(Contact, models.CASCADE, related_name="+", db_index=False)
    second = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    reasons = ArrayField(models.CharField(max_length=10, choices=Reason.choices))
    strength = models.PositiveSmallIntegerField(help_text="0 to 100; 100 is the same e-mail address and name.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN, db_default=State.OPEN)
    found_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-strength", "id"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="duplicatesuggestion_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="duplicatesuggestion_order"),
        ]
        indexes = [models.Index(fields=["owner", "state", "-strength", "id"], name="duplicatesuggestion_queue")]

    def __str__(self) -> str:
        return f"{self.first} and {self.second}"

    @property
    def is_certain(self) -> bool:
        return self.strength == CERTAIN


class DuplicateScan(OwnedModel):
    """Up to when one owner's contacts have been compared; the row is also the lock of a scan."""

    scanned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner"], name="duplicatescan_once")]

    def __str__(self) -> str:
        return f"Scan of owner {self.owner_id}"


class MergeRecord(OwnedModel):
    """One merge, with everything that is needed to take it back within 30 days; after them the ids alone.

    `journal` holds `loser` (its row), `fields` of the survivor as {old, new}, `rows` per relation as `moved` ids,
    `demoted` ids that lost their flag and `gone` rows, and `added`, ids of dismissals that were carried over.
    """

    contact = models.ForeignKey(
        Contact,
        models.CASCADE,
        related_name="merges",
        help_text="Who has the values now: the survivor, or the contact that it was merged into later.",
    )
    survivor_id = models.UUIDField()
    loser_id = models.UUIDField()
    loser_name = models.CharField(max_length=300)
    journal = models.JSONField(default=dict)
    merged_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["owner", "-id"], name="mergerecord_owner"),
            models.Index(fields=["merged_at"], name="mergerecord_expiry"),
            # An export of ours that comes back may name somebody who has been merged since.
            models.Index(fields=["loser_id"], name="mergerecord_loser", condition=models.Q(undone_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.loser_name} merged on {self.merged_at:%Y-%m-%d}"

    def can_be_undone(self, *, now: datetime) -> bool:
        """Say whether `unmerge` would take it; not while the survivor itself is merged into somebody else."""
        is_open = self.undone_at is None and self.merged_at > now - UNDO_WINDOW
        return is_open and self.contact_id == self.survivor_id
