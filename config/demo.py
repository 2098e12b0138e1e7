"""The demo: the samples go through the real import and the real photo pipeline."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files import File
from django.db.models import Q

from config import demo_google
from config.jobs.draining import drain
from contacts.models import Contact, ContactEmail, ContactPhone, Organization
from imports import lifecycle
from imports.models import ImportJob, ImportRow
from media_store.models import PhotoJob
from media_store.photos import enqueue_retry
from samples.portraits import serving

SAMPLES = ("phone.vcf", "google.csv")
PORTRAITS_PORT = 8765
ALLOWED_HOST = f"127.0.0.1:{PORTRAITS_PORT}"
WANTED = (ImportRow.Decision.CREATE, ImportRow.Decision.UPDATE)


@dataclass(frozen=True)
class Login:
    """How to sign in; `is_new` says whether this run created the user."""

    username: str
    password: str
    is_new: bool


def ensure_admin() -> Login:
    """Create the superuser `admin` with a random password, kept beside the media folder, unless there is one already.

    The password is empty when the user exists and was not made by the demo.
    """
    kept = Path(settings.MEDIA_DIR).parent / "demo-password"
    if User.objects.filter(username="admin").exists():
        return Login("admin", kept.read_text().strip() if kept.is_file() else "", is_new=False)
    password = secrets.token_urlsafe(9)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch(mode=0o600)
    kept.write_text(password + "\n")
    User.objects.create_superuser("admin", "admin@example.com", password)
    return Login("admin", password, is_new=True)


def import_sample(path: Path, owner: User) -> ImportJob | None:
    """Import one file as a person would, who looks at the plan before confirming; None when it would change nothing."""
    with path.open("rb") as file:
        job = lifecycle.start_upload(owner, file=File(file, name=path.name), name=path.name)
    drain("imports", seconds=None, is_ringing=False)
    job.refresh_from_db()
    if job.state == ImportJob.State.READY and not job.rows.filter(decision__in=WANTED).exists():
        job.delete()
        return None
    lifecycle.confirm(job)
    drain("imports", seconds=None, is_ringing=False)
    job.refresh_from_db()
    return job


@contextmanager
def portraits_allowed() -> Iterator[None]:
    """Serve the sample portraits on 127.0.0.1 and allow the photo jobs of this process to fetch them there."""
    before = settings.PHOTO_ALLOWED_HOSTS
    settings.PHOTO_ALLOWED_HOSTS = [*before, ALLOWED_HOST]
    try:
        with serving(PORTRAITS_PORT):
            yield
    finally:
        settings.PHOTO_ALLOWED_HOSTS = before


def store_photos(owner: User) -> None:
    """Run the photo jobs; workers of a running `make serve` may not fetch from us, what they refused is done again."""
    ours = Q(source_url__startswith=f"http://{ALLOWED_HOST}/") | Q(source_url__startswith=f"http://{demo_google.HOST}/")
    refused = PhotoJob.objects.filter(ours, owner=owner, verdict="unsafe")
    for _ in range(3):
        drain("photos", seconds=None, is_ringing=False)
        if not enqueue_retry(refused.filter(state=PhotoJob.State.FAILED)):
            return


def summary(owner: User) -> dict[str, int]:
    """Count what this owner now has."""
    photos = PhotoJob.objects.filter(owner=owner)
    return {
        "contacts": Contact.objects.filter(owner=owner).count(),
        "e-mail addresses": ContactEmail.objects.filter(owner=owner).count(),
        "telephone numbers": ContactPhone.objects.filter(owner=owner).count(),
        "organizations": Organization.objects.filter(owner=owner).count(),
        "photos stored": photos.filter(state=PhotoJob.State.COMPLETED).count(),
        "photos failed": photos.filter(state=PhotoJob.State.FAILED).count(),
    }
