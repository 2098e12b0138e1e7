"""Which picture of a contact is shown, and why; and what people decide about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.urls import reverse

from config.jobs import controls
from contacts.models import Contact, ContactPicture
from media_store.models import PhotoJob
from media_store.photos import enqueue_retry
from media_store.serving import picture_url

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


def _change(picture: ContactPicture, **values: bool) -> None:
    for name, value in values.items():
        setattr(picture, name, value)
    picture.save(update_fields=list(values))


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
