"""Model fields whose files are checked before they are stored and leave no old file behind."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.db import models
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_delete, post_save

from media_store import refusals
from media_store.containers import Container, read_container
from media_store.processing import ImageRefused
from media_store.refusals import UploadRefused
from media_store.sandbox import SandboxUnavailable, sandbox
from media_store.versions import picture_url, version_in

Address = Callable[[Any], str]


class OptimizedImage(ContentFile):  # type: ignore[type-arg]
    """A picture that has been through the sandbox, named by its content: `<16 hex of sha256>-<random>.webp`."""

    content_type = "image/webp"

    def __init__(self, webp: bytes) -> None:
        super().__init__(webp, name=f"{hashlib.sha256(webp).hexdigest()[:16]}-{secrets.token_hex(4)}.webp")


def optimize(file: File[bytes], *, is_square: bool = False) -> OptimizedImage:
    """Return the uploaded picture as our own WebP, decoded in the sandbox; raises UploadRefused."""
    if isinstance(file, OptimizedImage):
        return file
    if file.size > settings.PHOTO_MAX_BYTES:
        raise refusals.too_large(settings.PHOTO_MAX_BYTES)
    file.seek(0)
    try:
        return OptimizedImage(sandbox.optimized_webp(file.read(), is_square=is_square))
    except ImageRefused as refusal:
        raise refusals.of_image(refusal) from refusal
    except SandboxUnavailable as problem:
        raise refusals.decoder_busy() from problem


def checked_video(file: File[bytes]) -> Container:
    """Return what the video says of itself; raises UploadRefused for what is too large or neither MP4 nor WebM."""
    if file.size > settings.VIDEO_MAX_BYTES:
        raise refusals.too_large(settings.VIDEO_MAX_BYTES)
    container = read_container(cast("Any", file), size=file.size)
    file.seek(0)
    if container is None:
        raise refusals.not_a_video()
    return container


class CheckedVideo(File):  # type: ignore[type-arg]
    """A video whose content has been looked at, under a random name."""

    def __init__(self, file: File[bytes], container: Container) -> None:
        super().__init__(cast("Any", file), name=f"{secrets.token_hex(16)}.{container.suffix}")
        self.container = container
        self.content_type = container.content_type


class CheckedFormField(forms.FileField):
    """Turns a refusal into an error of the form, with the same sentence and code as in the API."""

    def __init__(self, *, check: Callable[[File[bytes]], File[bytes]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._check = check

    def to_python(self, data: Any) -> Any:
        file = super().to_python(data)
        if file is None:
            return None
        try:
            return self._check(file)
        except UploadRefused as refusal:
            raise ValidationError(str(refusal), code=refusal.code) from refusal


class CheckedFieldFile(FieldFile):
    """Checks, and names by `upload_to` alone, whatever is saved; an uploader's name never becomes a path."""

    field: CheckedFileField
    _committed: bool

    def save(self, name: str, content: Any, save: bool = True) -> None:
        checked = self.field.check_file(content)
        super().save(checked.name or "", checked, save=save)

    @property
    def url(self) -> str:
        if self.field.address is None or not self.name:
            return str(super().url)
        return picture_url(self.field.address(self.instance), version_in(self.name))


class CheckedFileField(models.FileField):
    """A FileField that stores new content under a new name and, once the row is saved, marks the old file as deleted.

    `address(row)` is where browsers get the file, if not under /files/. In a rolled-back transaction nothing is
    marked, and the new file has no row; its bytes are collected by the doctor.
    """

    attr_class = CheckedFieldFile

    def __init__(self, *args: Any, address: Address | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 255)
        super().__init__(*args, **kwargs)
        self.address = address

    def check_file(self, content: File[bytes]) -> File[bytes]:
        """Return the content as it is stored; raises UploadRefused. Its name is what `upload_to` is given."""
        raise NotImplementedError

    def contribute_to_class(self, cls: Any, name: str, **kwargs: Any) -> None:  # type: ignore[override]
        super().contribute_to_class(cls, name, **kwargs)
        if not cls._meta.abstract:
            post_save.connect(self._mark_replaced, sender=cls, weak=False, dispatch_uid=(cls, name))
            post_delete.connect(self._mark_deleted, sender=cls, weak=False, dispatch_uid=(cls, name))

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": CheckedFormField, "check": self.check_file, **kwargs})

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Store a new file; remember the name that the row holds until now, read under its lock where there is one."""
        if not add:
            stored = type(model_instance)._base_manager.filter(pk=model_instance.pk)
            model_instance.__dict__[self._remembered] = stored.values_list(self.attname, flat=True).first()
        return super().pre_save(model_instance, add)

    @property
    def _remembered(self) -> str:
        return f"_{self.attname}_before"

    def _mark_replaced(self, instance: models.Model, **kwargs: Any) -> None:
        old = instance.__dict__.pop(self._remembered, None)
        if old and old != getattr(instance, self.attname).name:
            self.storage.delete(old)

    def _mark_deleted(self, instance: models.Model, **kwargs: Any) -> None:
        name = getattr(instance, self.attname).name
        if name:
            self.storage.delete(name)


class OptimizedImageField(CheckedFileField):
    """An uploaded picture, kept as WebP of under 512,000 bytes: longest side 1024, or 400x400 with `is_square`.

    It is decoded in the sandbox only, before the row is written. A form shows a refusal as its error; assigning to the
    row and saving raises UploadRefused.
    """

    def __init__(self, *args: Any, is_square: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_square = is_square

    def check_file(self, content: File[bytes]) -> File[bytes]:
        return optimize(content, is_square=self.is_square)


class VideoField(CheckedFileField):
    """An uploaded MP4 or WebM, recognised by its content and kept as it is."""

    def check_file(self, content: File[bytes]) -> File[bytes]:
        if isinstance(content, CheckedVideo):
            return content
        return CheckedVideo(content, checked_video(content))
