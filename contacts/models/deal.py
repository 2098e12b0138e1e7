from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from contacts.models.contact import Contact
from contacts.models.owned import OwnedModel


class DealStage(models.Model):
    """A step of the sales process, shared by all owners; `position` is the order of the board."""

    class Outcome(models.TextChoices):
        OPEN = "open", "Open"
        WON = "won", "Won"
        LOST = "lost", "Lost"

    name = models.CharField(max_length=60, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=4, choices=Outcome.choices, default=Outcome.OPEN)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class Deal(OwnedModel):
    """Something the owner hopes to sell. It is closed by a stage that is won or lost; an inactive one rests.

    Move it with `contacts.deals.move_deal`, which records when it entered and left each stage.
    """

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        INACTIVE = "inactive", "Inactive"

    name = models.CharField(max_length=200)
    stage = models.ForeignKey(DealStage, models.PROTECT, related_name="deals")
    stage_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE)
    one_off_amount = models.DecimalField(max_digits=14, decimal_places=2, default=0, db_default=0)
    monthly_amount = models.DecimalField(max_digits=14, decimal_places=2, default=0, db_default=0)
    expected_close = models.DateField(null=True, blank=True)
    contacts = models.ManyToManyField(Contact, blank=True, related_name="deals")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["owner", "id"], name="deal_owner")]

    def __str__(self) -> str:
        return self.name


class DealStay(models.Model):
    """The time that a deal spent, or spends, in one stage."""

    deal = models.ForeignKey(Deal, models.CASCADE, related_name="stays", db_index=False)
    stage = models.ForeignKey(DealStage, models.CASCADE, related_name="stays", db_index=False)
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["entered_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["deal"], condition=Q(left_at=None), name="dealstay_one_open"),
        ]
        indexes = [
            models.Index(fields=["deal", "entered_at"], name="dealstay_deal"),
            # How long won deals stayed in a stage.
            models.Index(fields=["stage", "deal"], condition=Q(left_at__isnull=False), name="dealstay_stage"),
        ]

    def __str__(self) -> str:
        return f"{self.stage} from {self.entered_at:%Y-%m-%d}"
