"""Take away what nobody needs: mark unreferenced files, later free their bytes, then the contents without a file.

Each step waits out a grace period, so that what is only just being written or still being read is left alone. Killed at
any point, it leaves at most bytes without a row or marked rows without bytes, which the next run takes away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Sum

from media_store.models import Blob, StoredFile
from media_store.references import unreferenced
from media_store.tiers import files_tier

GRACE = timedelta(hours=48)
BATCH = 500

# Who takes bytes away and who brings files back (the doctor) do so one at a time.
LOCK = "select pg_try_advisory_lock(hashtext('media store'), hashtext('collecting'))"
UNLOCK = "select pg_advisory_unlock(hashtext('media store'), hashtext('collecting'))"

# Whoever is storing this content holds a lock on it: then it is skipped, so that the collector never waits and cannot
# be part of a deadlock. Files are counted in a second statement, whose snapshot is younger than the locks.
LOCK_BLOBS = f"""
    select sha256 from {Blob._meta.db_table} blob
    where created_at < %s and sha256 > %s
      and not exists (select 1 from {StoredFile._meta.db_table} file where file.blob_id = blob.sha256)
    order by sha256 limit %s for update skip locked
"""
DELETE_BLOBS = f"""
    delete from {Blob._meta.db_table} blob
    where sha256 = any(%s)
      and not exists (select 1 from {StoredFile._meta.db_table} file where file.blob_id = blob.sha256)
    returning size
"""


class Busy(Exception):
    """Somebody else is collecting or mending just now."""


@dataclass(frozen=True)
class Amount:
    """A number of files or contents, and their bytes."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.files + other.files, self.bytes + other.bytes)


@dataclass(frozen=True)
class Collected:
    """What was marked as unreferenced, freed of its bytes, and dropped as content without a file."""

    marked: Amount
    freed: Amount
    blobs: Amount

    def as_counts(self) -> dict[str, dict[str, int]]:
        return asdict(self)


@contextmanager
def alone() -> Iterator[None]:
    """Hold the right to take bytes away; raises Busy when somebody else has it."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
        if cursor.fetchone() != (True,):
            raise Busy("Another collector or doctor is at work on this store.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(UNLOCK)


def collect(*, now: datetime, grace: timedelta = GRACE, is_dry_run: bool = False) -> Collected:
    """Mark, free and drop what has been useless for longer than `grace`; a dry run only counts. Raises Busy.

    OSError from the `files` tier ends the run; what is left is taken by the next one.
    """
    before = now - grace
    if is_dry_run:
        return Collected(_amount(unneeded(before)), _amount(_freeable(before)), _amount_of_blobs(before))
    with alone():
        freed, blobs = free_deleted(before), drop_blobs(before)
        return Collected(mark_unreferenced(before), freed, blobs)


def unneeded(before: datetime) -> QuerySet[StoredFile]:
    """Return the files that were stored before then and are named nowhere."""
    return unreferenced(StoredFile.objects.live().filter(created_at__lt=before))


def mark_unreferenced(before: datetime) -> Amount:
    """Mark those files as deleted. A new reference to one of them keeps its bytes: `free_deleted` looks again."""
    with transaction.atomic():
        ids = list(unneeded(before).order_by("pk").values_list("pk", flat=True))
        files = StoredFile.objects.live().filter(pk__in=ids)
        amount = _amount(files)
        files.mark_deleted()
    return amount


def free_deleted(before: datetime) -> Amount:
    """Delete the bytes and then the rows of files that were marked before then and are still named nowhere."""
    freed, last = Amount(), 0
    while files := list(_freeable(before).filter(pk__gt=last).order_by("pk")[:BATCH]):
        freed, last = freed + _free(files), files[-1].pk
    return freed


def drop_blobs(before: datetime) -> Amount:
    """Delete contents that no file has, stored before then; one that is being stored again just now stays."""
    dropped = Amount()
    last: str | None = ""
    while last is not None:
        sizes, last = _drop_some_blobs(before, last)
        dropped += Amount(len(sizes), sum(sizes))
    return dropped


def _free(files: list[StoredFile]) -> Amount:
    tier = files_tier()
    for file in files:
        if file.blob_id is None:
            tier.delete(file.name)
    StoredFile.objects.filter(pk__in=[file.pk for file in files], deleted_at__isnull=False).delete()
    return Amount(len(files), sum(file.size for file in files))


def _freeable(before: datetime) -> QuerySet[StoredFile]:
    return unreferenced(StoredFile.objects.filter(deleted_at__lt=before))


def _drop_some_blobs(before: datetime, after: str) -> tuple[list[int], str | None]:
    """Return the sizes of what was dropped and the last hash looked at, None at the end."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK_BLOBS, [before, after, BATCH])
        hashes = [sha256 for (sha256,) in cursor.fetchall()]
        cursor.execute(DELETE_BLOBS, [hashes])
        sizes = [size for (size,) in cursor.fetchall()]
    return sizes, hashes[-1] if hashes else None


def _amount(files: QuerySet[StoredFile]) -> Amount:
    sums = files.aggregate(files=Count("pk"), bytes=Sum("size", default=0))
    return Amount(sums["files"], sums["bytes"])


def _amount_of_blobs(before: datetime) -> Amount:
    files = StoredFile.objects.filter(blob=OuterRef("pk"))
    sums = Blob.objects.filter(~Exists(files), created_at__lt=before).aggregate(
        n=Count("pk"), bytes=Sum("size", default=0)
    )
    return Amount(sums["n"], sums["bytes"])
