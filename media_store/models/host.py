from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from media_store.models.photo import PhotoJob


class PhotoHost(models.Model):
    """What one server of pictures may be asked now, for all workers together, and how it has answered so far.

    `due_at` is when a steady sequence of downloads would go on: as far ahead of now as downloads were early.
    `tail_at` is the end of the line of those that were told to wait; `busy` has an end for each download that goes on,
    after which its worker is thought dead.
    """

    host = models.CharField(max_length=255, primary_key=True)
    due_at = models.DateTimeField(db_default=Now())
    tail_at = models.DateTimeField(db_default=Now())
    blocked_until = models.DateTimeField(null=True, blank=True)
    busy = ArrayField(models.DateTimeField(), default=list, db_default=models.Value([]), blank=True)
    requests = models.BigIntegerField(default=0, db_default=0)
    failures = models.BigIntegerField(default=0, db_default=0)
    seconds = models.FloatField(default=0, db_default=0, help_text="Of all downloads together.")
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_verdict = models.CharField(max_length=20, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return self.host


class FailedAddress(models.Model):
    """An address whose download failed for good: until `until` the same verdict is given without asking again."""

    url_sha256 = models.CharField(max_length=64, primary_key=True)
    verdict = models.CharField(max_length=20, choices=PhotoJob.Verdict.choices)
    failures = models.PositiveIntegerField(default=1)
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.url_sha256[:16]}: {self.verdict}"
