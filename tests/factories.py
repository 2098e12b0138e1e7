"""Plain functions that make rows with sensible values; whatever a test is about, it passes itself."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from contacts.models import Contact, ContactEmail, ContactPhone, ContactPicture
from media_store.models import PhotoJob

_numbers = count(1)


def make_user(username: str = "", **fields: Any) -> User:
    """Make a staff user."""
    username = username or f"user{next(_numbers)}"
    return User.objects.create_user(username, f"{username}@example.com", "password", **{"is_staff": True, **fields})


def make_contact(owner: User, name: str = "Ada Example", *, email: str = "", phone: str = "", **fields: Any) -> Contact:
    """Make a contact, with one e-mail address and one E.164 number where given."""
    contact = Contact.objects.create(owner=owner, **{"display_name": name, "sort_name": name.casefold(), **fields})
    if email:
        ContactEmail.objects.create(
            owner=owner, contact=contact, address=email, normalized=email.casefold(), is_primary=True
        )
    if phone:
        ContactPhone.objects.create(owner=owner, contact=contact, raw=phone, e164=phone, is_primary=True)
    return contact


def draw_image(format: str = "JPEG", *, size: tuple[int, int] = (640, 480), **options: Any) -> bytes:
    """Draw a picture with four differently coloured quarters."""
    picture = Image.new("RGB", size, "#204060")
    half = (size[0] // 2, size[1] // 2)
    picture.paste("#c04020", (0, 0, *half))
    picture.paste("#20a040", (half[0], 0, size[0], half[1]))
    picture.paste("#d0c020", (0, half[1], half[0], size[1]))
    content = io.BytesIO()
    picture.save(content, format, **options)
    return content.getvalue()


def make_photo_job(owner: User, *, is_stored: bool = False, **fields: Any) -> PhotoJob:
    """Make a photo job: pending, or completed with a small stored WebP."""
    job = PhotoJob(owner=owner, **{"source_url": "https://pictures.example.com/a.jpg", **fields})
    if is_stored:
        number = next(_numbers)
        content = draw_image("WEBP", size=(400, 400), quality=1 + number % 90)
        job.sha256 = hashlib.sha256(content).hexdigest()
        job.file = default_storage.save(f"o{owner.pk}/photos/{number}.webp", ContentFile(content))
        job.state, job.verdict = PhotoJob.State.COMPLETED, PhotoJob.Verdict.OK
        job.finished_at = fields.get("finished_at", datetime(2026, 1, 1, 12, tzinfo=UTC))
    job.save()
    return job


def make_picture(contact: Contact, *, source: str = "google", is_stored: bool = True, **fields: Any) -> ContactPicture:
    """Make a picture of `contact`; fields of the photo job start with `job_`."""
    job_fields = {name.removeprefix("job_"): fields.pop(name) for name in list(fields) if name.startswith("job_")}
    job = make_photo_job(contact.owner, is_stored=is_stored, **job_fields)
    return ContactPicture.objects.create(owner=contact.owner, contact=contact, source=source, photo_job=job, **fields)
