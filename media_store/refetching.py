"""Pictures whose bytes have gone and whose source has them: fetched again when somebody looks, once for all lookers."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from config.jobs.models import Priority
from media_store.models import PhotoJob, StoredFile
from media_store.photos import enqueue_refresh
from media_store.tiers import files_tier

PAUSE = timedelta(hours=1)
"""How long a failed try is left alone, however often people look."""

LOST = (PhotoJob.Verdict.GONE, PhotoJob.Verdict.DENIED)
SOUND = ("", PhotoJob.Verdict.OK, PhotoJob.Verdict.UNCHANGED)

ONE_FLIGHT = "select pg_try_advisory_xact_lock(hashtext('photo refetch'), %s)"


def refetchable(jobs: QuerySet[PhotoJob]) -> QuerySet[PhotoJob]:
    """Return those of `jobs` whose source can be asked again: a web address or a provider that has not refused."""
    kinds = PhotoJob.SourceKind
    has_source = Q(source_kind=kinds.URL) & ~Q(source_url="")
    has_source |= ~Q(source_kind__in=[kinds.URL, kinds.STORED])
    return jobs.filter(has_source).exclude(verdict__in=LOST)


def refetch_missing(job: PhotoJob, *, now: datetime) -> bool:
    """Ask for a picture whose bytes are gone, before all others; return whether this call did.

    Call it when a view finds no bytes; answer with initials or 404 meanwhile. One job is asked for once however many
    look at the same time, and a failed try is not repeated within the hour.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(ONE_FLIGHT, [job.pk % 2**31])
            if cursor.fetchone() != (True,):
                return False
        chosen = refetchable(PhotoJob.objects.filter(pk=job.pk, file=job.file.name or ""))
        chosen = chosen.filter(Q(verdict__in=SOUND) | Q(finished_at__lt=now - PAUSE))
        if job.file.name and _has_bytes(job.file.name):
            return False
        if not enqueue_refresh(chosen, priority=Priority.PERSON):
            return False
        # The worker must not take a file for the present picture whose bytes are gone.
        StoredFile.objects.filter(name=job.file.name or "").mark_deleted()
        PhotoJob.objects.filter(pk=job.pk).update(file="", sha256="", source_sha256="")
    return True


def _has_bytes(name: str) -> bool:
    stored = StoredFile.objects.live().filter(name=name).first()
    return stored is not None and (stored.blob_id is not None or files_tier().exists(name))
