from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from contacts.models import Contact, Deal, Organization
from health.models.computed import ComputedModel


class Score(ComputedModel):
    """What a calculation found: the score, what it is made of, and what it was calculated from.

    `factors` is {name: {value, points, weight}}; a factor that lost its facts keeps its last value for a while and
    then also has `known_at` and `lost_at`. `facts` holds the raw figures by name.
    """

    class Risk(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    profile = models.CharField(max_length=20)
    version = models.PositiveIntegerField()
    score = models.SmallIntegerField(null=True)
    previous_status = models.CharField(max_length=10, blank=True, default="", help_text="The band before this one.")
    status_since = models.DateTimeField()
    risk_level = models.CharField(max_length=8, choices=Risk.choices, blank=True, default="")
    risk_factors = ArrayField(models.CharField(max_length=40), default=list)
    known_factors = models.PositiveSmallIntegerField(default=0)
    possible_factors = models.PositiveSmallIntegerField(default=0)
    factors = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    sentence = models.TextField(default="")
    calculated_at = models.DateTimeField()
    next_event_at = models.DateTimeField(null=True, help_text="When an event that is still to come makes this due.")
    held_rules = ArrayField(models.IntegerField(), default=list, help_text="Alert rules that held this time.")
    told_status = models.CharField(
        max_length=10, default="", db_default="", help_text="The band that the owner knows of: the first, or as told."
    )

    class Meta:
        abstract = True

    @property
    def coverage(self) -> str:
        return f"{self.known_factors} of {self.possible_factors} signals"


class RelationshipHealth(Score):
    """How well a relationship is, for one contact or, rolled up, for one organization."""

    class Status(models.TextChoices):
        UNSTARTED = "unstarted", "Not started"
        HEALTHY = "healthy", "Healthy"
        AT_RISK = "at_risk", "At risk"
        CRITICAL = "critical", "Critical"
        GHOST = "ghost", "Ghost"

    class Action(models.TextChoices):
        MONITOR = "monitor", "Keep an eye on it"
        SOON = "intervene_soon", "Get in touch soon"
        NOW = "intervene_now", "Get in touch now"
        URGENT = "urgent", "Get in touch today"

    contact = models.OneToOneField(Contact, models.CASCADE, null=True, blank=True, related_name="health")
    organization = models.OneToOneField(Organization, models.CASCADE, null=True, blank=True, related_name="health")
    status = models.CharField(max_length=10, choices=Status.choices)
    ghost_probability = models.PositiveSmallIntegerField(default=0)
    is_ghost_risk = models.BooleanField(default=False)
    action = models.CharField(max_length=14, choices=Action.choices, default=Action.MONITOR)
    days_left = models.PositiveSmallIntegerField(null=True)
    message_context = models.CharField(
        max_length=30, blank=True, default="", help_text="What a message could be about."
    )
    touches = models.PositiveIntegerField(default=0, help_text="In 30 days; the weight in the organization's score.")
    days_since_contact = models.PositiveIntegerField(null=True)
    facts_seen_at = models.DateTimeField(null=True, help_text="The contact's facts_at when this was calculated.")
    deals_seen = models.CharField(max_length=32, default="", help_text="A digest of the contact's open deals.")

    class Meta:
        verbose_name = "relationship"
        constraints = [
            models.CheckConstraint(
                condition=Q(contact__isnull=False, organization__isnull=True)
                | Q(contact__isnull=True, organization__isnull=False),
                name="relationshiphealth_one_subject",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "status", "score", "id"], name="relationshiphealth_list"),
            models.Index(fields=["owner", "score", "id"], name="relationshiphealth_by_score"),
        ]

    @property
    def coverage(self) -> str:
        if self.contact_id:
            return super().coverage
        people = "person" if self.possible_factors == 1 else "people"
        return f"{self.known_factors} of {self.possible_factors} {people} with a score"

    def __str__(self) -> str:
        return f"{self.contact or self.organization}: {self.status} {'' if self.score is None else self.score}".strip()


class DealHealth(Score):
    """How well an open deal is; the row goes when the deal closes."""

    class Status(models.TextChoices):
        HEALTHY = "healthy", "Healthy"
        WARNING = "warning", "Warning"
        CRITICAL = "critical", "Critical"
        STALLED = "stalled", "Stalled"

    deal = models.OneToOneField(Deal, models.CASCADE, related_name="health")
    status = models.CharField(max_length=10, choices=Status.choices)
    facts_seen = models.CharField(
        max_length=32, default="", help_text="A digest of the deal and of its contacts' facts."
    )

    class Meta:
        verbose_name = "deal score"
        indexes = [models.Index(fields=["owner", "status", "score"], name="dealhealth_list")]

    def __str__(self) -> str:
        return f"{self.deal}: {self.status} {self.score}"
