from __future__ import annotations

from django.db import models
from django.db.models import Q

from contacts.models import Contact, Deal, Organization
from health.models.computed import ComputedModel

HAS_ONE_SUBJECT = (
    Q(contact__isnull=False, organization__isnull=True, deal__isnull=True)
    | Q(contact__isnull=True, organization__isnull=False, deal__isnull=True)
    | Q(contact__isnull=True, organization__isnull=True, deal__isnull=False)
)


class HealthSnapshot(ComputedModel):
    """The score at the end of a day (UTC) on which it, or the band, changed; kept 400 days."""

    contact = models.ForeignKey(Contact, models.CASCADE, null=True, related_name="health_snapshots", db_index=False)
    organization = models.ForeignKey(
        Organization, models.CASCADE, null=True, related_name="health_snapshots", db_index=False
    )
    deal = models.ForeignKey(Deal, models.CASCADE, null=True, related_name="health_snapshots", db_index=False)
    day = models.DateField()
    score = models.SmallIntegerField(null=True)
    status = models.CharField(max_length=10)
    profile = models.CharField(max_length=20)

    class Meta:
        ordering = ["day"]
        constraints = [
            models.CheckConstraint(condition=HAS_ONE_SUBJECT, name="healthsnapshot_one_subject"),
            # Partial, so that a row enters the index of its own kind of subject only.
            *[
                models.UniqueConstraint(
                    fields=[subject, "day"],
                    condition=Q((f"{subject}__isnull", False)),
                    name=f"healthsnapshot_{subject}",
                )
                for subject in ("contact", "organization", "deal")
            ],
        ]
        indexes = [models.Index(fields=["day"], name="healthsnapshot_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.status} {'' if self.score is None else self.score}".strip()


class BandChange(ComputedModel):
    """A score went from one band to another: the journal."""

    contact = models.ForeignKey(Contact, models.CASCADE, null=True, related_name="band_changes", db_index=False)
    organization = models.ForeignKey(
        Organization, models.CASCADE, null=True, related_name="band_changes", db_index=False
    )
    deal = models.ForeignKey(Deal, models.CASCADE, null=True, related_name="band_changes", db_index=False)
    changed_at = models.DateTimeField()
    from_status = models.CharField(max_length=10)
    to_status = models.CharField(max_length=10)
    from_score = models.SmallIntegerField(null=True)
    to_score = models.SmallIntegerField(null=True)

    class Meta:
        ordering = ["-changed_at", "-id"]
        constraints = [models.CheckConstraint(condition=HAS_ONE_SUBJECT, name="bandchange_one_subject")]
        indexes = [
            models.Index(fields=["owner", "-changed_at"], name="bandchange_recent"),
            *[
                models.Index(
                    fields=[subject, "-changed_at"],
                    condition=Q((f"{subject}__isnull", False)),
                    name=f"bandchange_{subject}",
                )
                for subject in ("contact", "organization", "deal")
            ],
        ]

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status} on {self.changed_at:%Y-%m-%d}"
