from __future__ import annotations

from django.db import models

from contacts.models import Contact
from imports.models.job import ImportJob


class ImportRow(models.Model):
    """One entry of an import: the preview, the plan, the execution log and later the undo journal in one row."""

    class Decision(models.TextChoices):
        CREATE = "create", "Create"
        UPDATE = "update", "Update"
        UNCHANGED = "unchanged", "Unchanged"
        SKIP = "skip", "Skip"
        INVALID = "invalid", "Invalid"

    class Outcome(models.TextChoices):
        CREATED = "created", "Created"
        UPDATED = "updated", "Updated"
        UNCHANGED = "unchanged", "Unchanged"
        SKIPPED = "skipped", "Skipped"
        INVALID = "invalid", "Invalid"
        FAILED = "failed", "Failed"

    class Undo(models.TextChoices):
        REVERSED = "reversed", "Reversed"
        KEPT = "kept", "Kept"
        ERRORED = "errored", "Errored"

    job = models.ForeignKey(ImportJob, models.CASCADE, related_name="rows", db_index=False)
    position = models.PositiveIntegerField(help_text="Counted from 1 in the order of the source.")
    external_id = models.CharField(max_length=255, blank=True, default="", db_default="")
    etag = models.CharField(max_length=255, blank=True, default="", db_default="")
    parsed = models.JSONField(default=dict, db_default={})
    raw = models.TextField(blank=True, default="", db_default="")
    photo = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="An address, or the name of a stored file.",
    )
    decision = models.CharField(max_length=10, choices=Decision.choices, blank=True, default="", db_default="")
    reason = models.CharField(max_length=30, blank=True, default="", db_default="")
    contact = models.ForeignKey(
        Contact,
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="import_rows",
        help_text="The matched contact; for a row to create, the id that the contact will have.",
    )
    contact_seen_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="`updated_at` of the matched contact when the plan was made.",
    )
    joined_to = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Position of the earlier row that took over this duplicate's values.",
    )
    changes = models.JSONField(
        null=True,
        blank=True,
        help_text="What the plan writes to the matched contact: fields as {old, new}, and the values to add.",
    )
    selected = models.BooleanField(default=True, db_default=True)
    before = models.JSONField(
        null=True,
        blank=True,
        help_text="For an updated contact: fields as {old, new}, ids of added rows, the picture's source. "
        "`merged` once its contact was merged with another. Created ones need none.",
    )
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")
    undo = models.CharField(max_length=8, choices=Undo.choices, blank=True, default="", db_default="")
    undo_reason = models.CharField(max_length=30, blank=True, default="", db_default="")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["job", "position"], name="importrow_once")]

    def __str__(self) -> str:
        return f"Row {self.position} of import {self.job_id}"
