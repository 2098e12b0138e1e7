from __future__ import annotations

from django.db import models

from contacts.models.owned import OwnedModel


class MappingPreset(OwnedModel):
    """What the columns of one kind of CSV file mean to its owner: used for every file with the same columns."""

    name = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64, editable=False, help_text="Of the column names, in any order.")
    mapping = models.JSONField(help_text="CSV header -> field.")
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = "column preset"
        constraints = [
            models.UniqueConstraint(fields=["owner", "fingerprint"], name="mappingpreset_once"),
            models.UniqueConstraint(fields=["owner", "name"], name="mappingpreset_name"),
        ]

    def __str__(self) -> str:
        return self.name
