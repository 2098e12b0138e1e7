from __future__ import annotations

from django.db import models
from django.db.models import Q

from contacts.models import Contact, Deal
from contacts.models.owned import OwnedModel


class AlertRule(models.Model):
    """When to raise an alert: a metric of a score beside a limit. System rules can be switched off, not deleted.

    Rules without an owner are shared. A rule is silent where the rule that supersedes it holds.
    """

    class Metric(models.TextChoices):
        DAYS_IN_STAGE = "days_in_stage", "Days in the stage, at least"
        SENTIMENT_DROP = "sentiment_drop", "Drop of mood (-1 to 1), at least"
        DAYS_SILENT = "days_silent", "Days without activity, at least"
        MEETINGS = "meetings", "Meetings in 30 days, fewer than"
        ANSWER_HOURS = "answer_hours", "Hours until an answer on average, more than"
        DAYS_TO_CLOSE = "days_to_close", "Days to the expected close, at most"
        ENTERED_GHOST = "entered_ghost", "The contact became a ghost"

    class Severity(models.TextChoices):
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        CRITICAL = "critical", "Critical"

    name = models.CharField(max_length=100, unique=True)
    metric = models.CharField(max_length=16, choices=Metric.choices)
    limit = models.DecimalField(
        max_digits=8, decimal_places=2, default=0, help_text="The number that the metric is compared with."
    )
    severity = models.CharField(max_length=8, choices=Severity.choices)
    superseded_by = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Where that rule holds, this one is silent.",
    )
    enabled = models.BooleanField(default=True)
    is_system = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["metric", "limit"]

    def __str__(self) -> str:
        return self.name


class Alert(OwnedModel):
    """What a rule said about a deal or a contact.

        active -> acknowledged -> resolved     by a person, or when the rule has not held for two calculations
        active | acknowledged -> dismissed     silent until the rule has cleared

    `cleared_at` is set when the rule no longer holds; until then there is no second alert of the rule.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RESOLVED = "resolved", "Resolved"
        DISMISSED = "dismissed", "Dismissed"

    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="alerts", db_index=False)
    contact = models.ForeignKey(Contact, models.CASCADE, null=True, blank=True, related_name="health_alerts")
    deal = models.ForeignKey(Deal, models.CASCADE, null=True, blank=True, related_name="health_alerts")
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    severity = models.CharField(max_length=8, choices=AlertRule.Severity.choices)
    raised_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="When it was resolved or dismissed.")
    cleared_at = models.DateTimeField(null=True, blank=True)
    notified_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-raised_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(contact__isnull=False, deal__isnull=True) | Q(contact__isnull=True, deal__isnull=False),
                name="alert_one_subject",
            ),
            models.UniqueConstraint(
                fields=["rule", "contact", "deal"],
                condition=Q(cleared_at=None),
                nulls_distinct=False,
                name="alert_one_open",
            ),
        ]
        indexes = [models.Index(fields=["owner", "state", "-raised_at"], name="alert_inbox")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.deal or self.contact}"
