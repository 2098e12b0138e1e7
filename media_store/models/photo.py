from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from config.jobs.models import LeasedJob, job_constraints, job_indexes
from config.ownership import OwnedQuerySet


class PhotoJob(LeasedJob):
    """Make one picture ours: download or open it, normalise it to 400x400 WebP, store it.

    pending -> downloading -> completed | failed;  a new source or a refresh sets it pending again, and the last good
    picture stays in `file` until a better one is stored.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        DOWNLOADING = "downloading", "Downloading"
        COMPLETED = "completed", "Stored"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class SourceKind(models.TextChoices):
        URL = "url", "Web address"
        STORED = "stored", "Stored file"

    class Verdict(models.TextChoices):
        OK = "ok", "Stored"
        UNCHANGED = "unchanged", "Unchanged"
        GONE = "gone", "Gone at the source"
        DENIED = "denied", "Access denied"
        PLACEHOLDER = "placeholder", "Only a placeholder"
        UNSAFE = "unsafe", "Address not allowed"
        TOO_LARGE = "too_large", "Too large"
        NOT_AN_IMAGE = "not_an_image", "Not a picture"
        TIMEOUT = "timeout", "Timed out"
        RATE_LIMITED = "rate_limited", "Rate limited"
        SERVER_ERROR = "server_error", "Server error"
        CONNECTION_FAILED = "connection_failed", "Connection failed"
        TLS_ERROR = "tls_error", "TLS error"
        TOO_MANY_REDIRECTS = "too_many_redirects", "Too many redirects"
        STORAGE_ERROR = "storage_error", "Storage error"

    QUEUE: ClassVar[str] = "photos"
    STEPS: ClassVar = {State.PENDING.value: State.DOWNLOADING.value}

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    source_kind = models.CharField(max_length=16, default=SourceKind.URL)
    source_url = models.TextField(blank=True, default="", db_default="")
    source_ref = models.CharField(max_length=255, blank=True, default="", db_default="")
    path_hint = models.CharField(max_length=60, blank=True, default="", db_default="")
    file = models.FileField(max_length=255, blank=True, default="", db_default="")
    previous_file = models.FileField(max_length=255, blank=True, default="", db_default="")
    sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    source_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    etag = models.CharField(max_length=255, blank=True, default="", db_default="")
    last_modified = models.CharField(max_length=60, blank=True, default="", db_default="")
    checked_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=20, blank=True, default="", db_default="", choices=Verdict.choices)
    stored_at = models.DateTimeField(null=True, blank=True, help_text="When the present file was stored.")
    absent_since = models.DateTimeField(
        null=True, blank=True, help_text="The first of the answers 404 and 410 in a row."
    )
    gone_at = models.DateTimeField(null=True, blank=True, help_text="Absent again a week later: no longer asked for.")

    objects = OwnedQuerySet.as_manager()

    class Meta:
        indexes = [
            *job_indexes("photojob", {"pending": "downloading"}),
            models.Index(fields=["owner", "-id"], name="photojob_owner"),
            models.Index(
                fields=["owner", "state", "-id"], name="photojob_unfinished", condition=~models.Q(state="completed")
            ),
        ]
        constraints = job_constraints("photojob", {"pending": "downloading"})

    def __str__(self) -> str:
        return f"Photo {self.pk}"

    @property
    def max_attempts(self) -> int:
        return int(settings.PHOTO_MAX_ATTEMPTS)
