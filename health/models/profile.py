from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from contacts.models import DealStage


class HealthProfile(models.Model):
    """How scores are computed, shared by all owners: one of two engines with its weights and bands.

    `weights` is {"relationship": {factor: weight}, "deal": {factor: weight}}, empty for classic. `thresholds` is
    {"relationship": {band: lowest score}, "deal": {band: lowest score}}. Change them with `health.profiles.revise`: a
    new version makes every score due.
    """

    class Name(models.TextChoices):
        CLASSIC = "classic", "Classic"
        SIGNALS = "signals", "Signals"

    name = models.CharField(max_length=20, choices=Name.choices, unique=True)
    version = models.PositiveIntegerField(default=1)
    weights = models.JSONField(default=dict, blank=True)
    thresholds = models.JSONField(default=dict, blank=True)
    active = models.BooleanField(default=False, help_text="The profile that runs use unless told otherwise.")

    class Meta:
        verbose_name = "score profile"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["active"], condition=Q(active=True), name="healthprofile_one_active"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class StageLimits(models.Model):
    """Days in a stage up to which a deal is well, slow, or late; the row without a stage is for all others."""

    profile = models.ForeignKey(HealthProfile, models.CASCADE, related_name="stage_limits", db_index=False)
    stage = models.ForeignKey(DealStage, models.CASCADE, null=True, blank=True, related_name="health_limits")
    optimal = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    warning = models.PositiveSmallIntegerField()
    critical = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name_plural = "stage limits"
        ordering = ["profile", "stage"]
        constraints = [
            models.UniqueConstraint(fields=["profile", "stage"], nulls_distinct=False, name="stagelimits_once"),
            models.CheckConstraint(
                condition=Q(optimal__lt=F("warning"), warning__lt=F("critical")), name="stagelimits_ascend"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage or 'Other stages'}: {self.optimal}, {self.warning}, {self.critical} days"
