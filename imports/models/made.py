from __future__ import annotations

from django.db import models

from imports.models.job import ImportJob


class MadeByImport(models.Model):
    """An organization or a tag that an import was the first to name; undoing it takes those back that nobody uses."""

    class Kind(models.TextChoices):
        ORGANIZATION = "organization", "Organization"
        TAG = "tag", "Tag"

    job = models.ForeignKey(ImportJob, models.CASCADE, related_name="made", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    made_id = models.BigIntegerField(help_text="The id of the organization or tag; it may have gone since.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "kind", "made_id"], name="madebyimport_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.made_id} of import {self.job_id}"
