"""Forget what an import or a mail file brought, 30 days after its end: the file itself and the text of its entries.

What was decided and written stays, and so does the way back. Only failed rows can no longer be downloaded.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.files.storage import default_storage
from django.db import transaction

from imports.models import ImportJob, ImportRow, SyncRun

KEPT = timedelta(days=30)
BATCH = 5_000


def forget_old(*, now: datetime) -> int:
    """Forget for all that ended 30 days ago; return how many imports and syncs. An interruption costs nothing."""
    ended = {"finished_at__lt": now - KEPT}
    jobs = ImportJob.objects.filter(**ended, state__in=ImportJob.FINAL_STATES, forgotten_at=None)
    runs = SyncRun.objects.filter(**ended, state__in=SyncRun.FINAL_STATES).exclude(upload="")
    count = 0
    for job in jobs.iterator(chunk_size=100):
        _forget_rows(job)
        _forget_file(job, forgotten_at=now)
        count += 1
    for run in runs.iterator(chunk_size=100):
        _forget_file(run)
        count += 1
    return count


def _forget_rows(job: ImportJob) -> None:
    """Empty the text of the job's entries, so many at a time that nobody waits long for them."""
    for first in range(0, job.total + 1, BATCH):
        rows = ImportRow.objects.filter(job=job, position__gt=first, position__lte=first + BATCH)
        rows.exclude(raw="").update(raw="")


def _forget_file(row: ImportJob | SyncRun, **columns: datetime) -> None:
    with transaction.atomic():
        type(row)._base_manager.filter(pk=row.pk).update(upload="", **columns)
        if row.upload:
            default_storage.delete(str(row.upload))
