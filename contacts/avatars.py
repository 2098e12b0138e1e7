"""The picture of a contact that a person uploads."""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.fields.files import FieldFile

from config.jobs.at_once import lease, run_leased
from config.jobs.models import Priority
from contacts.models import Contact, ContactPicture
from media_store import refusals
from media_store.models import PhotoJob
from media_store.photos import create_photo_job, set_source
from media_store.processing import ImageRefused
from media_store.refusals import UploadRefused
from media_store.removal import delete_photo_jobs
from media_store.sandbox import SandboxUnavailable, sandbox

UPLOAD = ContactPicture.Source.UPLOAD
STORED = PhotoJob.SourceKind.STORED


def upload_avatar(contact: Contact, file: File[bytes]) -> ContactPicture:
    """Make the uploaded file the contact's picture of the source `upload`, at once; an earlier one is replaced.

    Raises UploadRefused, and then nothing has changed. Should the store fail for the moment, the photo job is pending
    afterwards, and a worker goes on with it.
    """
    picture = _leased(contact, checked_picture(file).read())
    run_leased(picture.photo_job)
    if picture.photo_job.state == PhotoJob.State.FAILED:
        raise UploadRefused(picture.photo_job.verdict or "not_stored", picture.photo_job.last_error, status=409)
    return picture


def upload_avatar_on_commit(contact: Contact, file: File[bytes]) -> None:
    """Do as `upload_avatar` with a file from `checked_picture`, as soon as the caller's transaction is committed."""
    picture = _leased(contact, file.read())
    transaction.on_commit(lambda: run_leased(picture.photo_job))


def delete_avatar(contact: Contact) -> bool:
    """Take the uploaded picture away with its files; return whether there was one."""
    jobs = PhotoJob.objects.filter(contact_picture__contact=contact, contact_picture__source=UPLOAD)
    return delete_photo_jobs(jobs) > 0


def uploaded_picture(contact: Contact) -> FieldFile | None:
    """Return the stored form of the contact's upload, None where there is none."""
    jobs = PhotoJob.objects.filter(contact_picture__contact=contact.pk, contact_picture__source=UPLOAD)
    job = jobs.exclude(file="").first()
    return job.file if job else None


def checked_picture(file: File[bytes]) -> File[bytes]:
    """Return the file at its start if it is a picture, decoded once in the sandbox before anything is written.

    Raises UploadRefused.
    """
    if file.size > settings.PHOTO_MAX_BYTES:
        raise refusals.too_large(settings.PHOTO_MAX_BYTES)
    file.seek(0)
    try:
        sandbox.square_webp(file.read())
    except ImageRefused as refusal:
        raise refusals.of_image(refusal) from refusal
    except SandboxUnavailable as problem:
        raise refusals.decoder_busy() from problem
    file.seek(0)
    return file


def _leased(contact: Contact, content: bytes) -> ContactPicture:
    """Set the upload aside and claim its photo job for this process, so that no worker takes it in between."""
    with transaction.atomic():
        contact = Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)
        picture = _set_aside(contact, content)
        lease(picture.photo_job)
    return picture


def _set_aside(contact: Contact, content: bytes) -> ContactPicture:
    """Store the upload as it came and make it the source of the contact's photo job, new or present."""
    name = f"o{contact.owner_id}/uploads/{hashlib.sha256(content).hexdigest()[:16]}-{secrets.token_hex(4)}"
    name = default_storage.save(name, ContentFile(content))
    pictures = ContactPicture.objects.select_related("photo_job")
    picture: ContactPicture | None = pictures.filter(contact=contact, source=UPLOAD).first()
    if picture is None:
        job = create_photo_job(contact.owner_id, kind=STORED, source_ref=name, priority=Priority.PERSON)
        created: ContactPicture = ContactPicture.objects.create(
            owner_id=contact.owner_id, contact=contact, source=UPLOAD, photo_job=job
        )
        return created
    if picture.photo_job.source_ref:
        default_storage.delete(picture.photo_job.source_ref)
    set_source(picture.photo_job, kind=STORED, source_ref=name)
    if picture.blocked:
        picture.blocked = False
        picture.save(update_fields=["blocked"])
    return picture
