"""The way of a picture from its source into the store.

Threads download and decode, the thread of the worker claims and stores, and none of them waits for the others: while
ten pictures are stored the next are decoded, and those after them downloaded.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import lru_cache
from queue import Empty, SimpleQueue

import structlog
from django.conf import settings
from django.db import Error
from django.utils import timezone

from config.jobs.claiming import claim
from config.jobs.draining import Budget
from config.jobs.leases import heartbeat
from config.jobs.settling import Settlement
from media_store.fetching import Fetched, FetchError
from media_store.hosts import admit, put_back
from media_store.models import PhotoJob, StoredFile
from media_store.results import Result, decode, download, unexpected
from media_store.sandbox import sandbox
from media_store.sources import Download, fetch_registered
from media_store.storing import store_safely

log = structlog.get_logger(__name__)

MAX_BATCH = 50
STORED_AT_ONCE = 10
# Pictures do not wait longer than this for others to be stored with.
PATIENCE_SECONDS = 0.25
TICK_SECONDS = 0.02
# A run ends after this many jobs, so that what it has done is reported now and then.
MAX_RUN = 500


def batch_size() -> int:
    """Return how many jobs to claim at once: no more than can be downloaded side by side."""
    return max(1, min(settings.PHOTO_BATCH_SIZE, settings.PHOTO_CONCURRENCY, MAX_BATCH))


def run_photo_jobs(jobs: Sequence[PhotoJob], budget: Budget) -> list[Settlement]:
    """Download, decode and store the pictures of claimed jobs; return the settlements that took effect.

    As places become free, more jobs are claimed and run as well, until none is due or the budget is spent: one slow
    server must not keep the others waiting.
    """
    run = Run(budget)
    try:
        return run.complete(jobs)
    except BaseException:
        run.give_up(jobs)
        raise


class Run:
    """The jobs of one worker that are under way."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._results: SimpleQueue[Result] = SimpleQueue()
        self._under_way: dict[int, tuple[PhotoJob, ExitStack]] = {}
        self._downloading: list[Future[None]] = []
        self._kept: set[str] = set()
        self._is_open = True
        self._claimed = 0

    def complete(self, jobs: Sequence[PhotoJob]) -> list[Settlement]:
        self._take(jobs)
        # A job that has crashed runs alone, or the next crash would be blamed on others.
        self._is_open = not any(job.crashes for job in jobs)
        settlements: list[Settlement] = []
        while self._under_way:
            results = self._next_results()
            settlements += store_safely(results) if results else []
            for result in results:
                self._let_go(result.job)
        return settlements

    def give_up(self, initial: Sequence[PhotoJob]) -> None:
        """Return what was claimed here to the queue after an error; the jobs of the caller stay the caller's."""
        others = {job: timedelta(0) for job, _ in self._under_way.values() if job not in initial}
        for job, _ in list(self._under_way.values()):
            self._let_go(job)
        # Without a database the leases end by themselves.
        with suppress(Error):
            put_back(others)

    def _take(self, jobs: Sequence[PhotoJob]) -> None:
        """Start the downloads of these jobs; those whose server must not be asked now go back to the queue."""
        self._claimed += len(jobs)
        for job in jobs:
            with ExitStack() as stack:
                stack.enter_context(heartbeat.holding([job]))
                self._under_way[job.pk] = (job, stack.pop_all())
        names = [job.file.name for job in jobs if job.file.name]
        self._kept = set(StoredFile.objects.live().filter(name__in=names).values_list("name", flat=True))
        admission = admit([job for job in jobs if job.source_kind == PhotoJob.SourceKind.URL], now=timezone.now())
        for job in admission.admitted:
            threads = _downloads(settings.PHOTO_CONCURRENCY)
            self._downloading.append(threads.submit(self._download, job, has_picture=self._has_picture(job)))
        for job, failure in admission.known.items():
            self._results.put(decode(job, failure, has_picture=False))
        put_back(admission.waits)
        for job in admission.waits:
            self._let_go(job)
        for job, found in fetch_registered([job for job in jobs if job.source_kind != PhotoJob.SourceKind.URL]):
            self._follow(job, found, has_picture=self._has_picture(job))

    def _follow(self, job: PhotoJob, found: Fetched | FetchError | Download, *, has_picture: bool) -> None:
        """Decode what a source has given, or let a thread fetch what it has only told how to."""
        if isinstance(found, Fetched | FetchError):
            self._decode_soon(job, found, has_picture=has_picture, seconds=None)
        else:
            threads = _downloads(settings.PHOTO_CONCURRENCY)
            self._downloading.append(threads.submit(self._fetch, job, found, has_picture=has_picture))

    def _has_picture(self, job: PhotoJob) -> bool:
        return job.file.name in self._kept

    def _claim_more(self) -> None:
        """Claim as many as can start now, when it is worth a statement."""
        free = self._free_places()
        if not self._is_open or free < max(1, batch_size() // 2) or self._claimed >= MAX_RUN or self._budget.is_spent():
            return
        jobs = claim(PhotoJob, limit=free)
        if any(job.crashes for job in jobs):
            self._is_open = False
            put_back(dict.fromkeys(jobs, timedelta(0)))
            return
        try:
            self._take(jobs)
        except Exception:
            # The next drain finds out which of them it was, as it does for every kind of job.
            log.exception("photos_not_started", jobs=[job.pk for job in jobs])
            self._is_open = False
            for job in jobs:
                self._let_go(job)
            put_back(dict.fromkeys(jobs, timedelta(0)))
        self._is_open = self._is_open and bool(jobs)

    def _free_places(self) -> int:
        """Return how many more downloads can start now: what is being decoded needs no connection, only memory."""
        self._downloading = [download for download in self._downloading if not download.done()]
        return min(batch_size() - len(self._downloading), MAX_BATCH - len(self._under_way))

    def _next_results(self) -> list[Result]:
        """Return the next ten results, or fewer after a moment; meanwhile downloads are kept going."""
        results: list[Result] = []
        until = time.monotonic() + PATIENCE_SECONDS
        while len(results) < min(STORED_AT_ONCE, len(self._under_way)) and time.monotonic() < until:
            with suppress(Empty):
                results.append(self._results.get(timeout=TICK_SECONDS))
            self._claim_more()
        return results

    def _let_go(self, job: PhotoJob) -> None:
        _, lease = self._under_way.pop(job.pk, (None, ExitStack()))
        lease.close()

    # --- In threads, without the ORM ----------------------------------------------------------------------------------
    def _download(self, job: PhotoJob, *, has_picture: bool) -> None:
        try:
            found, seconds = download(job, has_picture=has_picture)
            self._decode_soon(job, found, has_picture=has_picture, seconds=seconds)
        except Exception as error:  # noqa: BLE001 (it is the job's failure, and the worker must hear of it)
            self._results.put(unexpected(job, error))

    def _fetch(self, job: PhotoJob, fetch: Download, *, has_picture: bool) -> None:
        found: Fetched | FetchError
        try:
            found = fetch()
        except FetchError as error:
            found = error
        except Exception as error:  # noqa: BLE001 (as above)
            self._results.put(unexpected(job, error))
            return
        self._decode_soon(job, found, has_picture=has_picture, seconds=None)

    def _decode_soon(
        self, job: PhotoJob, found: Fetched | FetchError, *, has_picture: bool, seconds: float | None
    ) -> None:
        def work() -> None:
            try:
                self._results.put(decode(job, found, has_picture=has_picture, seconds=seconds))
            except Exception as error:  # noqa: BLE001 (as above)
                self._results.put(unexpected(job, error))

        _decoders().submit(work)


@lru_cache(maxsize=4)
def _downloads(concurrency: int) -> ThreadPoolExecutor:
    """Return the threads that download, as many as the setting allows for this process."""
    return ThreadPoolExecutor(concurrency, "photo-download")


@lru_cache(maxsize=1)
def _decoders() -> ThreadPoolExecutor:
    """Return the threads that wait for the sandbox: one more than it has children, so that these never wait."""
    return ThreadPoolExecutor(sandbox.size + 1, "photo-decode")


def _forget_threads() -> None:
    _downloads.cache_clear()
    _decoders.cache_clear()


# A fork inherits the pools without their threads.
os.register_at_fork(after_in_child=_forget_threads)
