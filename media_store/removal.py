"""Take photo jobs away together with their files."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from media_store.models import PhotoJob, StoredFile

REFERENCES = ("pk", "file", "previous_file", "source_kind", "source_ref")


def delete_photo_jobs(jobs: QuerySet[PhotoJob]) -> int:
    """Delete these jobs and mark their files as deleted, the bytes go later; return the number of jobs.

    A worker that still holds one of them finds no row at its next fence and writes nothing.
    """
    with transaction.atomic():
        rows = list(jobs.order_by("pk").select_for_update(of=("self",)).values_list(*REFERENCES))
        names = {name for _, file, previous, _, _ in rows for name in (file, previous) if name}
        names |= {ref for *_, kind, ref in rows if ref and kind == PhotoJob.SourceKind.STORED}
        PhotoJob.objects.filter(pk__in=[pk for pk, *_ in rows]).delete()
        still_used = set(PhotoJob.objects.filter(source_ref__in=names).values_list("source_ref", flat=True))
        still_used |= set(PhotoJob.objects.filter(file__in=names).values_list("file", flat=True))
        StoredFile.objects.filter(name__in=names - still_used, deleted_at=None).update(deleted_at=Now())
    return len(rows)
