"""What the doctor may do about a finding without losing anything. Each deed looks again before it acts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from config.jobs.models import Priority
from media_store.collecting import alone
from media_store.doctor import GRACE, Finding, Kind
from media_store.models import Blob, PhotoJob, StoredFile
from media_store.photos import enqueue_refresh
from media_store.references import names_in_use
from media_store.refetching import refetchable
from media_store.storage import store_blob
from media_store.tiers import files_tier

NOTHING = ""


def mend(finding: Finding, *, now: datetime) -> Finding:
    """Do what is safe about a finding and return it with what was done. Raises Busy while somebody collects."""
    with alone():
        return finding.mended(_MENDERS[finding.kind](finding, now))


def _delete_orphan(finding: Finding, now: datetime) -> str:
    """Delete an object that no file owns; what is in the database keeps its copy there."""
    if StoredFile.objects.filter(name=finding.name, blob=None).exists():
        return NOTHING
    modified_at = files_tier().get_modified_time(finding.name)
    if modified_at >= now - GRACE:
        return NOTHING
    files_tier().delete(finding.name)
    return "deleted"


def _move_to_database(finding: Finding, now: datetime) -> str:
    """Copy, verify, switch the row; the object is an orphan from then on, which a later run deletes."""
    stored = StoredFile.objects.live().filter(name=finding.name, blob=None).first()
    if stored is None:
        return NOTHING
    if not Blob.objects.filter(pk=stored.sha256, size=stored.size).exists():
        with files_tier().open(stored.name) as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != stored.sha256:
            return NOTHING
    else:
        data = None
    with transaction.atomic():
        if not store_blob(stored.sha256, data, content_type=stored.content_type):
            return NOTHING
        StoredFile.objects.live().filter(pk=stored.pk, blob=None).update(blob=stored.sha256)
    return "moved to the database"


def _fetch_again(finding: Finding, now: datetime) -> str:
    """Send photo jobs whose picture is gone or damaged to their source; other files have no second source."""
    with transaction.atomic():
        jobs = refetchable(PhotoJob.objects.filter(file=finding.name))
        ids = list(jobs.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
        if not ids:
            return NOTHING
        chosen = PhotoJob.objects.filter(pk__in=ids)
        chosen.update(file="", sha256="", source_sha256="", stored_at=None)
        enqueue_refresh(chosen, priority=Priority.BACKFILL)
        if not names_in_use([finding.name]):
            StoredFile.objects.filter(name=finding.name).mark_deleted()
    return "will be fetched again"


def _restore(finding: Finding, now: datetime) -> str:
    """Take the mark from a file that is in use, if its bytes are still there."""
    stored = StoredFile.objects.filter(name=finding.name, deleted_at__isnull=False).first()
    if stored is None or not names_in_use([finding.name]):
        return NOTHING
    if stored.blob_id is None and not files_tier().exists(stored.name):
        return _fetch_again(finding, now)
    StoredFile.objects.filter(pk=stored.pk).update(deleted_at=None)
    return "restored"


def _heal(finding: Finding, now: datetime) -> str:
    """Set damaged content in the database apart, so that the same picture can be stored again under its true hash."""
    stored = StoredFile.objects.live().filter(name=finding.name).select_related("blob").first()
    done = _fetch_again(finding, now)
    if done and stored and stored.blob is not None:
        data = bytes(stored.blob.data)
        actual = hashlib.sha256(data).hexdigest()
        with transaction.atomic():
            if actual != stored.blob.sha256 and store_blob(actual, data, content_type=stored.blob.content_type):
                StoredFile.objects.filter(blob=stored.blob.sha256).update(blob=actual)
                Blob.objects.filter(pk=stored.blob.sha256).delete()
    return done


def _leave(finding: Finding, now: datetime) -> str:
    return NOTHING


_MENDERS: dict[Kind, Callable[[Finding, datetime], str]] = {
    Kind.ORPHAN: _delete_orphan,
    Kind.WRONG_TIER: _move_to_database,
    Kind.MISSING: _fetch_again,
    Kind.DANGLING: _fetch_again,
    Kind.HASH_MISMATCH: _heal,
    Kind.SIZE_MISMATCH: _heal,
    Kind.DELETED_IN_USE: _restore,
    Kind.UNREADABLE: _leave,
}
