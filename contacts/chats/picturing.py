"""Which picture stands for a chat, and why: its own from the messenger, the linked contact's, or initials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.timesince import timesince

from contacts import pictures
from contacts.models import Chat, ContactPicture
from media_store.models import PhotoJob
from media_store.serving import picture_url

Shown = Chat.Shown
State = PhotoJob.State


@dataclass(frozen=True)
class Icon:
    """The stored picture to show, None for initials; where it is from and why, in plain words."""

    job: PhotoJob | None
    source: str
    reason: str

    @property
    def sha256(self) -> str:
        return self.job.sha256 if self.job else ""


def choose_icon(chat: Chat, of_contact: Iterable[ContactPicture], *, now: datetime) -> Icon:
    """Pick the picture of `chat`: the one that is pinned, else its own, else its contact's, else initials.

    Expects `photo_job` and `contact` to be loaded. A pinned picture that is not stored yet lets the others stand in.
    """
    found = [icon for icon in (_own(chat, now=now), _contacts(chat, of_contact)) if icon]
    if chat.shown == Shown.INITIALS:
        return Icon(None, Shown.INITIALS, "initials, as somebody has chosen")
    for icon in found:
        if icon.source == chat.shown:
            return Icon(icon.job, icon.source, f"pinned, {icon.reason}")
    return found[0] if found else Icon(None, Shown.INITIALS, f"initials, as {missing_reason(chat)}")


def missing_reason(chat: Chat) -> str:
    """Say why the chat has no picture of its own in the cache, as the rest of a sentence."""
    job, network = chat.photo_job, chat.network
    if chat.is_picture_blocked:
        return f"the picture from {network} is blocked"
    if not chat.picture_url:
        return f"{network} gives no picture"
    if job is None or job.state in (State.PENDING, State.DOWNLOADING):
        return f"the picture from {network} is still to be fetched"
    if job.state == State.FAILED:
        return f"the picture from {network} could not be fetched: {job.get_verdict_display() or job.error_code}"
    if job.state == State.CANCELLED:
        return f"fetching the picture from {network} was cancelled"
    return f"the picture from {network} was let go and is fetched again when somebody looks"


def icon_url(chat: Chat, icon: Icon) -> str:
    """Return the address of the chosen stored picture, with its version; empty for initials."""
    return picture_url(reverse("chat-icon", args=[chat.pk]), icon.sha256) if icon.job else ""


def _own(chat: Chat, *, now: datetime) -> Icon | None:
    job = chat.photo_job
    if job is None or not job.file or chat.is_picture_blocked:
        return None
    stored_at = job.stored_at or job.finished_at or now
    ago = timesince(stored_at, now, depth=1)
    is_fresh = (now - stored_at).total_seconds() < 60
    return Icon(job, Shown.CHAT, f"from {chat.network}, {'just now' if is_fresh else f'{ago} ago'}")


def _contacts(chat: Chat, of_contact: Iterable[ContactPicture]) -> Icon | None:
    if chat.contact is None or chat.is_contact_picture_blocked:
        return None
    choice = pictures.choose(of_contact)
    if choice.picture is None:
        return None
    return Icon(choice.picture.photo_job, Shown.CONTACT, f"the picture of {chat.contact}: {choice.reason}")
