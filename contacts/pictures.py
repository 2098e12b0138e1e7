"""Which picture of a contact is shown, and why; and what people decide about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model, Prefetch, QuerySet
from django.urls import reverse

from config.jobs import controls
from config.ownership import Viewer
from contacts.models import Contact, ContactPicture
from media_store.models import PhotoJob
from media_store.photos import enqueue_refresh, enqueue_retry
from media_store.serving import picture_url


def columns(model: type[Model], *names: str) -> list[str]:
    """Return these columns in the order in which `Model.from_db` wants their values."""
    return [field.attname for field in model._meta.concrete_fields if field.attname in names]


# Read for every picture of every list: what Django needs to put this query together takes longer than the query.
PICTURE_COLUMNS = columns(ContactPicture, "id", "owner_id", "contact_id", "photo_job_id", "source", "pinned", "blocked")
JOB_COLUMNS = columns(PhotoJob, "id", "owner_id", "file", "sha256", "stored_at", "finished_at")
OF_CONTACT = f"""
    select {", ".join([*(f"picture.{name}" for name in PICTURE_COLUMNS), *(f"job.{name}" for name in JOB_COLUMNS)])}
    from {ContactPicture._meta.db_table} picture join {PhotoJob._meta.db_table} job on job.id = picture.photo_job_id
    where picture.contact_id = %s and (%s or picture.owner_id = %s)
"""

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Choice:
    """The picture to show, None for initials, and the reason in plain words."""

    picture: ContactPicture | None
    reason: str


def choose(pictures: Iterable[ContactPicture]) -> Choice:
    """Pick among one contact's pictures: the pinned one, else the upload, else the newest that a source gave us.

    Blocked pictures and pictures that are not stored yet do not count. Expects `photo_job` to be loaded.
    """
    stored = [picture for picture in pictures if picture.photo_job.file and not picture.blocked]
    stored.sort(key=_age, reverse=True)
    for picture in stored:
        if picture.pinned:
            return Choice(picture, f"pinned, from {picture.get_source_display()}")
    for picture in stored:
        if picture.source == ContactPicture.Source.UPLOAD:
            return Choice(picture, "uploaded by hand")
    if stored:
        return Choice(stored[0], f"newest picture, from {stored[0].get_source_display()}")
    return Choice(None, "initials, as no picture is stored")


def _age(picture: ContactPicture) -> tuple[datetime, int]:
    """Order by when the file was stored: a re-check that finds nothing new also finishes the job."""
    job = picture.photo_job
    return job.stored_at or job.finished_at or NEVER, picture.pk


def pin(picture: ContactPicture) -> None:
    """Show this picture whatever else comes; another one that was pinned is no longer."""
    with transaction.atomic():
        # The contact's row is the lock: two pins at once must not leave two.
        Contact.objects.select_for_update(no_key=True).get(pk=picture.contact_id)
        ContactPicture.objects.filter(contact_id=picture.contact_id, pinned=True).update(pinned=False)
        _change(picture, pinned=True, blocked=False)


def unpin(picture: ContactPicture) -> None:
    """Let the usual order decide again."""
    _change(picture, pinned=False)


def block(picture: ContactPicture) -> None:
    """Never show this picture, nor ask its source again: what waits is cancelled. The stored file stays."""
    with transaction.atomic():
        _change(picture, pinned=False, blocked=True)
        controls.cancel(PhotoJob.objects.filter(pk=picture.photo_job_id))


def unblock(picture: ContactPicture) -> None:
    """Show this picture again when its turn comes, and ask its source if there is nothing stored yet."""
    with transaction.atomic():
        _change(picture, blocked=False)
        enqueue_retry(PhotoJob.objects.filter(pk=picture.photo_job_id, state=PhotoJob.State.CANCELLED))


def refresh(picture: ContactPicture) -> int:
    """Ask the source again, before all others; the stored picture stays until a better one comes."""
    return enqueue_refresh(PhotoJob.objects.filter(pk=picture.photo_job_id))


def _change(picture: ContactPicture, **values: bool) -> None:
    for name, value in values.items():
        setattr(picture, name, value)
    picture.save(update_fields=list(values))


def pictures_to_show(contact_id: UUID, *, viewer: Viewer) -> list[ContactPicture]:
    """Return the pictures of one contact that `viewer` may see, by one query that loads only what `choose` needs.

    Empty also for a contact that is not there, or not theirs.
    """
    with connection.cursor() as cursor:
        cursor.execute(OF_CONTACT, [contact_id, bool(getattr(viewer, "is_superuser", False)), viewer.pk])
        return [_picture(row) for row in cursor.fetchall()]


def _picture(row: tuple[Any, ...]) -> ContactPicture:
    """Return what Django would have made of these columns; the others are read when somebody asks for them."""
    picture = ContactPicture.from_db(connection.alias, PICTURE_COLUMNS, row[: len(PICTURE_COLUMNS)])
    picture.photo_job = PhotoJob.from_db(connection.alias, JOB_COLUMNS, row[len(PICTURE_COLUMNS) :])
    return picture


def with_pictures(contacts: QuerySet[Contact]) -> QuerySet[Contact]:
    """Load what `choose` needs for all of `contacts` in one more query, without the bytes."""
    pictures = ContactPicture.objects.select_related("photo_job")
    return contacts.prefetch_related(Prefetch("pictures", queryset=pictures))


def image_url(contact: Contact) -> str:
    """Return the address of the stored picture that is shown for `contact`, with its version; empty for initials."""
    picture = choose(contact.pictures.all()).picture
    if picture is None:
        return ""
    return picture_url(reverse("contact-avatar", args=[contact.pk]), picture.photo_job.sha256)
