from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

BLOB_LIMIT = 512_000
"""Content of fewer bytes than this is kept in PostgreSQL, the rest in the `files` tier."""


class Blob(models.Model):
    """Bytes kept in PostgreSQL, once for each content."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    data = models.BinaryField()
    size = models.PositiveIntegerField()
    content_type = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(size__lt=BLOB_LIMIT), name="blob_is_small")]

    def __str__(self) -> str:
        return self.sha256[:16]


class StoredFileQuerySet(models.QuerySet["StoredFile"]):
    def live(self) -> StoredFileQuerySet:
        """Return the files that are not marked as deleted."""
        return self.filter(deleted_at=None)

    def mark_deleted(self) -> int:
        """Mark these files as deleted; the bytes go later. Return the number newly marked."""
        return self.live().update(deleted_at=Now())


class StoredFile(models.Model):
    """A name in the hybrid store: with a blob the bytes are in PostgreSQL, without one in the `files` tier.

    A deleted file keeps its row, and so its name, until its bytes have gone.
    """

    name = models.CharField(max_length=255, unique=True)
    blob = models.ForeignKey(Blob, models.PROTECT, null=True, blank=True, related_name="files")
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now())
    last_accessed_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = StoredFileQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["deleted_at"], name="storedfile_deleted", condition=models.Q(deleted_at__isnull=False))
        ]

    def __str__(self) -> str:
        return self.name
