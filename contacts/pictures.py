"""Which picture of a contact is shown, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Prefetch, QuerySet
from django.urls import reverse

from contacts.models import Contact, ContactPicture
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
    stored.sort(key=lambda picture: (picture.photo_job.finished_at or NEVER, picture.pk), reverse=True)
    for picture in stored:
        if picture.pinned:
            return Choice(picture, f"pinned, from {picture.get_source_display()}")
    for picture in stored:
        if picture.source == ContactPicture.Source.UPLOAD:
            return Choice(picture, "uploaded by hand")
    if stored:
        return Choice(stored[0], f"newest picture, from {stored[0].get_source_display()}")
    return Choice(None, "initials, as no picture is stored")


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
