"""The galleries of parts as a folder: parts/<number>/<n>.webp, counted from 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from media_store.fields import OptimizedImageField
from media_store.models import Part, PartImage
from media_store.moving import FieldDestination, NoSuchPlace


class PartPictures(FieldDestination):
    """Replaces the picture at a position, or appends one where the gallery has none there; makes a part it misses."""

    def __init__(self) -> None:
        field = PartImage._meta.get_field("image")
        assert isinstance(field, OptimizedImageField)  # noqa: S101 (narrows the type)
        super().__init__("parts", field, row=self._row, key=lambda image: f"{image.part.number}/{image.position}")

    def _row(self, key: str) -> PartImage:
        number, _, position = key.rpartition("/")
        if not number or len(number) > 100 or not position.isdecimal():
            raise NoSuchPlace("The pictures of a part are parts/<number>/<n>, with n from 0.")
        part = Part.objects.filter(number=number).first() or Part(number=number)
        image = PartImage.objects.filter(part=part, position=int(position)).first() if part.pk else None
        return image or PartImage(part=part)

    def switch(self, row: Any, *, old: str, new: str) -> bool:
        if row.pk is not None:
            return super().switch(row, old=old, new=new)
        # Appended by the model's own save, which gives the position.
        row.part, _ = Part.objects.get_or_create(number=row.part.number)
        row.image = new
        row.save()
        return True

    def clear(self, row: Any, *, new: str) -> bool:
        """Delete the picture that was appended."""
        row.delete()
        return True

    def stored(self) -> Iterator[tuple[str, str]]:
        images = PartImage.objects.select_related("part").order_by("part__number", "position")
        for image in images.iterator(chunk_size=1_000):
            yield self.key(image), str(image.image.name)
