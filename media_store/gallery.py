"""The pictures of a part in their order: positions run from 0 without gaps, whoever changes them at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files.base import File
from django.db import transaction
from django.db.models import Case, F, Value, When

from media_store.fields import optimize
from media_store.models import Part, PartImage
from media_store.refusals import UploadRefused

MAX_IMAGES = 100


def insert_image(part_id: int, file: File[Any], *, position: int | None = None) -> PartImage:
    """Add a picture before the one at `position`, by default at the end; raises UploadRefused, Part.DoesNotExist."""
    image = optimize(file)
    with _ordered(part_id) as ids:
        if len(ids) >= MAX_IMAGES:
            raise UploadRefused("gallery_full", f"A part has at most {MAX_IMAGES} pictures.", status=409)
        place = len(ids) if position is None else min(position, len(ids))
        PartImage.objects.filter(part_id=part_id, position__gte=place).update(position=F("position") + 1)
        return PartImage.objects.create(part_id=part_id, position=place, image=image)


def replace_image(part_id: int, file: File[Any], *, position: int) -> PartImage:
    """Put another picture in the place of one; raises UploadRefused, PartImage.DoesNotExist."""
    image = optimize(file)
    with _ordered(part_id):
        found = PartImage.objects.get(part_id=part_id, position=position)
        found.image = image
        found.save(update_fields=["image"])
    return found


def move_image(part_id: int, *, position: int, to: int) -> None:
    """Take a picture from one position to another, at most the last; raises PartImage.DoesNotExist."""
    with _ordered(part_id) as ids:
        if not 0 <= position < len(ids):
            raise PartImage.DoesNotExist
        ids.insert(min(to, len(ids) - 1), ids.pop(position))
        places = [When(pk=pk, then=Value(place)) for place, pk in enumerate(ids)]
        PartImage.objects.filter(pk__in=ids).update(position=Case(*places))


def delete_image(part_id: int, *, position: int) -> None:
    """Delete a picture, the later ones move up; raises PartImage.DoesNotExist."""
    with _ordered(part_id):
        PartImage.objects.get(part_id=part_id, position=position).delete()


@contextmanager
def _ordered(part_id: int) -> Iterator[list[int]]:
    """Open a transaction that holds the part, and give the ids of its pictures in their order."""
    with transaction.atomic():
        Part.objects.select_for_update(no_key=True).get(pk=part_id)
        yield list(PartImage.objects.filter(part_id=part_id).order_by("position").values_list("pk", flat=True))
