"""Free space: pictures that nobody has looked at and that can be fetched again, and files that nothing names.

Apps enter what may be pruned (chat pictures); pictures of contacts are never among it. A copy whose source is gone or
has refused us is kept whatever an app enters: it is the last one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from media_store.collecting import GRACE, Amount, Collected, collect
from media_store.models import PhotoJob, StoredFile
from media_store.moving import forget_moves
from media_store.refetching import SOUND, refetchable

OLDER_THAN = timedelta(days=30)
BATCH = 500

PhotoJobs = Callable[[], QuerySet[PhotoJob]]

_prunable: dict[str, PhotoJobs] = {}


def register_prunable(label: str, jobs: PhotoJobs) -> None:
    """Let the pictures of these photo jobs be pruned when nobody looks at them; called from AppConfig.ready.

    A view that finds such a job without its file calls `refetching.refetch_missing`.
    """
    _prunable[label] = jobs


@dataclass(frozen=True)
class Pruned:
    """What was pruned, by the labels of those who entered it, and what was collected."""

    pictures: dict[str, Amount]
    collected: Collected

    def as_counts(self) -> dict[str, Any]:
        pictures = {label: asdict(amount) for label, amount in self.pictures.items()}
        return {"pictures": pictures, **self.collected.as_counts()}


def prune(*, now: datetime, older_than: timedelta = OLDER_THAN, is_dry_run: bool = False) -> Pruned:
    """Prune pictures not looked at for `older_than`, then collect; the bytes go 48 hours later. Raises Busy."""
    before = now - max(older_than, GRACE)
    pictures = {
        label: _sum(_stale(jobs(), before)) if is_dry_run else _prune_jobs(jobs, before)
        for label, jobs in _prunable.items()
    }
    if not is_dry_run:
        forget_moves(now=now)
    return Pruned(pictures, collect(now=now, is_dry_run=is_dry_run))


def _stale(jobs: QuerySet[PhotoJob], before: datetime) -> QuerySet[PhotoJob]:
    """Return the jobs whose present picture was last seen before then, and whose source still gives it."""
    files = StoredFile.objects.live().filter(name=OuterRef("file"))
    seen_at = files.annotate(at=Coalesce("last_accessed_at", "created_at")).values("at")
    jobs = refetchable(jobs).filter(state=PhotoJob.State.COMPLETED, verdict__in=SOUND).exclude(file="")
    jobs = jobs.filter(absent_since=None, gone_at=None)
    return jobs.annotate(seen_at=Subquery(seen_at[:1])).filter(seen_at__lt=before)


def _prune_jobs(jobs: PhotoJobs, before: datetime) -> Amount:
    amount = Amount()
    while ids := list(_stale(jobs(), before).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            rows = PhotoJob.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
            locked = [job for job in rows if job.state == PhotoJob.State.COMPLETED and job.file]
            amount += drop_files(locked)
            if not locked:
                return amount
    return amount


def drop_files(jobs: list[PhotoJob]) -> Amount:
    """Take the files from these jobs; what the source is asked next is the whole picture, not for changes."""
    names = list(chain.from_iterable((job.file.name, job.previous_file.name) for job in jobs))
    chosen = PhotoJob.objects.filter(pk__in=[job.pk for job in jobs])
    chosen.update(file="", previous_file="", sha256="", source_sha256="", etag="", last_modified="")
    files = StoredFile.objects.live().filter(name__in=[name for name in names if name])
    amount = Amount(files.count(), files.aggregate(bytes=Sum("size", default=0))["bytes"])
    files.mark_deleted()
    return amount


def _sum(jobs: QuerySet[PhotoJob]) -> Amount:
    files = StoredFile.objects.live().filter(Q(name__in=jobs.values("file")) | Q(name__in=jobs.values("previous_file")))
    return Amount(files.count(), files.aggregate(bytes=Sum("size", default=0))["bytes"])
