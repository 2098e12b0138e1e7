"""What the tests of undoing share: doing it, and looking at everything that an owner has."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from contacts.models import (
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ContactPicture,
    ExternalIdentity,
    Organization,
    Tag,
)
from imports import lifecycle
from imports.models import ImportJob, ImportRow
from media_store.models import PhotoJob, StoredFile
from tests.imports.builders import run

TABLES = (Contact, ContactEmail, ContactPhone, ContactAddress, ContactLink, ContactPicture, ExternalIdentity)
TIMES = ("created_at", "updated_at", "facts_at")


def undo(job: ImportJob) -> ImportJob:
    lifecycle.undo(job)
    return run(job)


def buckets(job: ImportJob) -> dict[str, int]:
    """Return the counters of the three buckets that are not zero; they must be those of the rows."""
    counters = {name: number for name in ImportRow.Undo.values if (number := getattr(job, name))}
    rows = [row.undo for row in ImportRow.objects.filter(job=job).exclude(undo="")]
    assert counters == {name: rows.count(name) for name in dict.fromkeys(rows)}
    return counters


def undo_reasons(job: ImportJob) -> list[str]:
    return list(ImportRow.objects.filter(job=job).exclude(undo="").values_list("undo_reason", flat=True))


def everything(owner: User) -> dict[str, Any]:
    """Return each row that the owner's contacts consist of, without the times."""
    rows: dict[str, Any] = {
        model._meta.label: [
            {name: value for name, value in row.items() if name not in TIMES}
            for row in model._default_manager.filter(owner=owner).order_by("pk").values()
        ]
        for model in (*TABLES, Organization, Tag)
    }
    taggings = Contact.tags.through._default_manager.filter(contact__owner=owner)
    photos = PhotoJob.objects.filter(owner=owner).order_by("pk").values_list("pk", "source_url", "source_ref")
    rows["tags"] = sorted(taggings.values_list("contact_id", "tag_id"), key=str)
    rows["photos"] = list(photos)
    return rows


def contacts_of(owner: User) -> dict[str, Any]:
    """Return `everything` but the organizations and tags, of which undoing takes those that nobody uses."""
    unused = (Organization._meta.label, Tag._meta.label)
    return {name: rows for name, rows in everything(owner).items() if name not in unused}


def live_pictures(owner: User) -> int:
    files = StoredFile.objects.live().filter(name__startswith=f"o{owner.pk}/")
    return files.exclude(name__contains="/uploads/").count()
