"""What an erasure needs of the store: bytes that go at once, and no trace of where a picture came from."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet, Sum

from config.jobs.models import JobAttempt
from media_store.collecting import DELETE_BLOBS, GRACE, Amount, Busy, alone, free_deleted
from media_store.hosts import address_hash, host_of
from media_store.models import Blob, FailedAddress, PhotoHost, PhotoJob, StoredFile

PATIENCE = 10
"""Seconds that an erasure waits for a collector or doctor that is at work."""

LOCK_BLOBS = f"select sha256 from {Blob._meta.db_table} where sha256 = any(%s) order by sha256 for update skip locked"


@dataclass(frozen=True)
class PhotoTraces:
    """What is known of photo jobs, to be forgotten when they are gone."""

    job_ids: frozenset[int]
    urls: frozenset[str]


def traces_of(jobs: QuerySet[PhotoJob], *, urls: Collection[str] = ()) -> PhotoTraces:
    """Read the traces of these jobs, and of further addresses that pictures came from, while the jobs are there."""
    rows = list(jobs.values_list("pk", "source_url"))
    return PhotoTraces(frozenset(pk for pk, _ in rows), frozenset({url for _, url in rows} | set(urls)) - {""})


def files_of(jobs: QuerySet[PhotoJob]) -> Amount:
    """Return number and bytes of the files that these jobs have."""
    stored = Q(source_kind=PhotoJob.SourceKind.STORED)
    names = {name for row in jobs.values_list("file", "previous_file") for name in row if name}
    names |= set(jobs.filter(stored).exclude(source_ref="").values_list("source_ref", flat=True))
    files = StoredFile.objects.live().filter(name__in=names)
    return Amount(files.count(), files.aggregate(bytes=Sum("size", default=0))["bytes"])


def forget(traces: PhotoTraces) -> None:
    """Delete the attempts, the remembered failures and, where no other picture is theirs, the hosts of deleted jobs."""
    JobAttempt.objects.filter(kind=PhotoJob._meta.label_lower, job_id__in=traces.job_ids).delete()
    FailedAddress.objects.filter(pk__in=[address_hash(url) for url in traces.urls]).delete()
    hosts = {host_of(url) for url in traces.urls}
    hosts |= {host.partition(":")[0] for host in hosts}
    for host in PhotoHost.objects.filter(pk__in=hosts):
        if not PhotoJob.objects.filter(source_url__icontains=host.pk).exists():
            host.delete()


def free_at_once(owner_ids: Collection[int], *, now: datetime) -> Amount:
    """Free the bytes of all files of these owners that are marked as deleted, without the usual grace; return them.

    Call it after the commit. What cannot be freed now is left to the next collector, which need not wait either.
    Raises Busy when another collector or doctor does not end, OSError when the `files` tier fails.
    """
    files = StoredFile.objects.none()
    for owner_id in owner_ids:
        files |= StoredFile.objects.filter(name__startswith=f"o{owner_id}/")
    due_at = now - GRACE - timedelta(seconds=1)
    due = files.filter(deleted_at__isnull=False)
    due.filter(deleted_at__gt=due_at).update(deleted_at=due_at)
    hashes = set(due.filter(blob__isnull=False).values_list("blob_id", flat=True))
    with _alone_soon():
        freed = free_deleted(now - GRACE)
        _drop_blobs(sorted(hashes))
    return freed


@contextmanager
def _alone_soon() -> Iterator[None]:
    """Hold the right to take bytes away; raises Busy when somebody else does not let go of it in time."""
    until = time.monotonic() + PATIENCE
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(alone())
                break
            except Busy:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        yield


def _drop_blobs(hashes: list[str]) -> None:
    """Delete these contents where no file has them; one that is being stored again just now stays."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK_BLOBS, [hashes])
        held = [sha256 for (sha256,) in cursor.fetchall()]
        cursor.execute(DELETE_BLOBS, [held])
