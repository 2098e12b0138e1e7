"""Keep leases alive, and let no transaction commit without one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import connection, connections, transaction
from django.db.utils import Error as DatabaseError

from config.jobs.claiming import LEASE_SECONDS
from config.jobs.models import LeasedJob

log = structlog.get_logger(__name__)

BEAT_SECONDS = 15

Job = TypeVar("Job", bound=LeasedJob)

RENEW = """
    update {table} job set lease_until = statement_timestamp() + interval '{seconds} seconds'
    from unnest(%s::bigint[], %s::uuid[]) as held(id, token)
    where job.id = held.id and job.lease_token = held.token
    returning job.id
"""


class LeaseLost(Exception):
    """The job is no longer ours: write nothing more for it."""


def renew(model: type[LeasedJob], leases: Iterable[tuple[int, UUID | None]]) -> set[int]:
    """Extend these leases by one statement; return the ids of those that are still held."""
    pairs = sorted(leases, key=lambda lease: lease[0])
    query = RENEW.format(table=model._meta.db_table, seconds=LEASE_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(query, [[pk for pk, _ in pairs], [token for _, token in pairs]])
        return {row[0] for row in cursor.fetchall()}


@contextmanager
def fenced(job: LeasedJob) -> Iterator[None]:
    """Open a transaction that commits only while `job` is ours; raises LeaseLost before anything is written.

    The renewed row stays locked to the end, so a reaper or a person who cancels waits for this transaction.
    """
    with fenced_many([job]) as held:
        if not held:
            raise LeaseLost
        yield


@contextmanager
def fenced_many(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Open a transaction and give those of `jobs` that are still ours; write effects for these only."""
    with transaction.atomic():
        ids = renew(type(jobs[0]), [(job.pk, job.lease_token) for job in jobs]) if jobs else set()
        yield [job for job in jobs if job.pk in ids]


class Heartbeat:
    """Renews the leases of this process every 15 seconds from a thread of its own, one statement for each table."""

    def __init__(self) -> None:
        self._held: dict[type[LeasedJob], dict[int, UUID | None]] = {}
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0

    @contextmanager
    def holding(self, jobs: Sequence[LeasedJob]) -> Iterator[None]:
        """Keep the leases of `jobs` alive while the block runs."""
        if not jobs:
            yield
            return
        model = type(jobs[0])
        with self._lock:
            self._held.setdefault(model, {}).update({job.pk: job.lease_token for job in jobs})
            self._start()
        try:
            yield
        finally:
            with self._lock:
                for job in jobs:
                    self._held[model].pop(job.pk, None)

    def _start(self) -> None:
        """Start the thread if this process has none; a fork inherits the object but not the thread."""
        if self._thread is not None and self._thread.is_alive() and self._pid == os.getpid():
            return
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="lease-heartbeat", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            self._changed.wait(BEAT_SECONDS)
            with self._lock:
                held = {model: list(leases.items()) for model, leases in self._held.items() if leases}
                if not held:
                    self._thread = None
                    return
            try:
                for model, leases in held.items():
                    renew(model, leases)
            except DatabaseError as error:
                # The lease outlives three missed beats, and the fence is what protects the data.
                log.warning("heartbeat_missed", error=type(error).__name__)
            finally:
                connections.close_all()


heartbeat = Heartbeat()
