from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.db.models.functions import Now
from django.urls import reverse

from media_store.fields import OptimizedImageField


def part_image_name(image: PartImage, filename: str) -> str:
    return f"shared/parts/{filename}"


def part_image_address(image: PartImage) -> str:
    return f"{reverse('part-image', args=[image.part_id])}?index={image.position}"


class Part(models.Model):
    """A spare part or product that all users share; model permissions say who may change it."""

    number = models.CharField(max_length=100, unique=True)
    name = models.CharField(max_length=200, blank=True, default="", db_default="")
    description = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return self.number


class PartImage(models.Model):
    """One picture of a part's gallery; positions run from 0 without gaps, kept so by `media_store.gallery`."""

    part = models.ForeignKey(Part, models.CASCADE, related_name="images", db_index=False)
    position = models.PositiveIntegerField(editable=False)
    image = OptimizedImageField(upload_to=part_image_name, address=part_image_address)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["part", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["part", "position"],
                name="partimage_position",
                # Positions are moved in one statement, during which two may be the same.
                deferrable=models.Deferrable.DEFERRED,
            )
        ]

    def __str__(self) -> str:
        return "New picture" if self.position is None else f"Picture {self.position + 1}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Append a picture that has no position yet."""
        if self.position is None:
            Part.objects.select_for_update(no_key=True).get(pk=self.part_id)
            self.position = PartImage.objects.filter(part_id=self.part_id).count()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the picture and close the gap."""
        with transaction.atomic():
            Part.objects.select_for_update(no_key=True).get(pk=self.part_id)
            self.refresh_from_db(fields=["position"])
            deleted = super().delete(*args, **kwargs)
            later = PartImage.objects.filter(part_id=self.part_id, position__gt=self.position)
            later.update(position=models.F("position") - 1)
        return deleted
