from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from config.jobs.models import LeasedJob, job_constraints, job_indexes
from config.ownership import OwnedQuerySet
from imports.models.account import ProviderAccount

STEPS = {"pending": "fetching", "fetched": "planning", "confirmed": "importing", "undo_requested": "undoing"}


class ImportJob(LeasedJob):
    """One import of one file or account.

    pending -> fetching -> fetched -> planning -> ready      rows are read and decided; a person looks
    ready -> confirmed -> importing -> completed             exactly that plan is executed
    completed -> undo_requested -> undoing -> undone         what it wrote is taken back, where nobody changed it
    completed -> confirmed                                   some of its rows are imported after all
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        FETCHING = "fetching", "Reading"
        FETCHED = "fetched", "Read"
        PLANNING = "planning", "Planning"
        READY = "ready", "Ready for review"
        CONFIRMED = "confirmed", "Confirmed"
        IMPORTING = "importing", "Importing"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        UNDO_REQUESTED = "undo_requested", "Waiting to be undone"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"

    class Provider(models.TextChoices):
        GOOGLE = "google", "Google"
        MICROSOFT = "microsoft", "Microsoft"
        VCARD = "vcard", "vCard file"
        CSV = "csv", "CSV file"
        BEEPER = "beeper", "Beeper"

    class OnConflict(models.TextChoices):
        FILL_BLANKS = "fill_blanks", "Fill blanks only"
        OVERWRITE = "overwrite", "Overwrite single values"

    QUEUE: ClassVar[str] = "imports"
    STEPS: ClassVar = STEPS
    FINAL_STATES: ClassVar = LeasedJob.FINAL_STATES | {"undone"}

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    provider = models.CharField(max_length=16, choices=Provider.choices)
    account = models.ForeignKey(
        ProviderAccount,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="import_jobs",
        help_text="Google, Microsoft.",
    )
    upload = models.FileField(max_length=255, blank=True, default="")
    upload_name = models.CharField(
        max_length=255, blank=True, default="", help_text="The file's own name, or the account's address."
    )
    upload_size = models.BigIntegerField(default=0)
    mapping = models.JSONField(
        default=dict,
        blank=True,
        help_text="CSV header -> field, once a person has confirmed it.",
    )
    has_preview = models.BooleanField("preview first", default=True)
    on_conflict = models.CharField(max_length=12, choices=OnConflict.choices, default=OnConflict.FILL_BLANKS)
    cursor = models.JSONField(default=dict, blank=True, help_text="How far the current step has come.")
    account_cursor = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        editable=False,
        help_text="Where the account's next import goes on once this one is completed.",
    )
    told_of = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The end (finished_at) of which the owner was told."
    )
    forgotten_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the upload and the text of its entries were erased."
    )
    planned_at = models.DateTimeField(null=True, blank=True, editable=False)
    total = models.PositiveIntegerField(default=0)
    processed = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    invalid = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    photos_queued = models.PositiveIntegerField(default=0)
    reversed = models.PositiveIntegerField(default=0, db_default=0, help_text="Rows that were undone.")
    kept = models.PositiveIntegerField(default=0, db_default=0, help_text="Rows that undoing left, in whole or part.")
    errored = models.PositiveIntegerField(default=0, db_default=0, help_text="Rows whose undoing failed.")

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "import"
        indexes = [
            *job_indexes("importjob", STEPS),
            models.Index(fields=["owner", "-id"], name="importjob_owner"),
        ]
        constraints = job_constraints("importjob", STEPS)

    def __str__(self) -> str:
        return f"Import {self.pk}" + (f" of {self.upload_name}" if self.upload_name else "")
