from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

from django.db import models
from django.db.models.functions import Now
from django.urls import reverse

from media_store.fields import CheckedFieldFile, CheckedVideo, OptimizedImageField, VideoField
from media_store.models.part import Part


def video_name(video: Video, filename: str) -> str:
    return f"shared/videos/{filename}"


def video_address(video: Video) -> str:
    return reverse("video", args=[video.pk])


def thumbnail_address(video: Video) -> str:
    return reverse("video-thumbnail", args=[video.pk])


class Video(models.Model):
    """An MP4 or WebM that all users share; type, size and duration are what the file itself says."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    title = models.CharField(max_length=200, blank=True, default="", db_default="")
    file = VideoField(upload_to=video_name, address=video_address)
    thumbnail = OptimizedImageField(
        upload_to=video_name, address=thumbnail_address, blank=True, default="", db_default=""
    )
    content_type = models.CharField(max_length=20, editable=False)
    size = models.BigIntegerField(editable=False)
    duration = models.DurationField(null=True, editable=False, help_text="Empty where the file does not tell.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Look into a new file before anything is written; raises UploadRefused."""
        file = cast("CheckedFieldFile", self.file)
        if file and not file._committed:
            checked = cast("CheckedVideo", file.field.check_file(file.file))
            self.file = checked
            self.content_type, self.size = checked.content_type, checked.size
            self.duration = checked.container.duration
        super().save(*args, **kwargs)


class SupportVideo(Video):
    """A video that explains something."""

    category = models.CharField(max_length=100, blank=True, default="", db_default="")

    class Meta:
        ordering = ["category", "title", "id"]

    def __str__(self) -> str:
        return self.title or str(self.pk)


class PartVideo(Video):
    """A video about one part."""

    part = models.ForeignKey(Part, models.CASCADE, related_name="videos")
    kind = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="For example assembly or repair."
    )

    class Meta:
        ordering = ["part", "kind", "created_at"]

    def __str__(self) -> str:
        return self.title or f"{self.kind or 'Video'} of {self.part}"
