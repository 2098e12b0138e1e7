"""Keep leases alive, and let no transaction commit without one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import Error, connections, transaction

from config.jobs.claiming import LEASE_SECONDS
from config.jobs.models import LeasedJob
from config.jobs.statements import fetch

log = structlog.get_logger(__name__)

BEAT_SECONDS = 15.0

Job = TypeVar("Job", bound=LeasedJob)
Leases = Mapping[int, UUID | None]

# Rows are locked in the order of their ids, here and in config.jobs.controls, so that two of these cannot deadlock.
RENEW = """
    with held as materialized (
        select job.id from {table} job
        join unnest(%s::bigint[], %s::uuid[]) as lease(id, token)
            on job.id = lease.id and job.lease_token = lease.token
        order by job.id
        for no key update of job {wait}
    )
    update {table} job set lease_until = statement_timestamp() + interval '{seconds} seconds'
    from held where job.id = held.id
    returning job.id
"""


class LeaseLost(Exception):
    """The job is no longer ours: write nothing more for it."""


@cache
def renew_query(model: type[LeasedJob], *, is_waiting: bool) -> str:
    """Return the statement of `renew`; its parameters are the ids and the tokens."""
    wait = "" if is_waiting else "skip locked"
    return RENEW.format(table=model._meta.db_table, seconds=LEASE_SECONDS, wait=wait)


def renew(model: type[LeasedJob], leases: Leases, *, is_waiting: bool = True) -> set[int]:
    """Extend these leases (job id -> token) by one statement; return the ids of those that are still held.

    With `is_waiting` false, rows that another transaction has locked are passed over.
    """
    rows = fetch(renew_query(model, is_waiting=is_waiting), [list(leases), list(leases.values())])
    return {row[0] for row in rows}


@contextmanager
def fenced(job: LeasedJob) -> Iterator[None]:
    """Open a transaction that commits only while `job` is ours; raises LeaseLost before anything is written.

    The renewed row stays locked to the end, so a reaper passes it over and a person who cancels waits.
    """
    with fenced_many([job]) as held:
        if not held:
            raise LeaseLost
        yield


@contextmanager
def fenced_many(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Open a transaction and give those of `jobs` that are still ours; write effects for these only."""
    with transaction.atomic():
        ids = renew(type(jobs[0]), {job.pk: job.lease_token for job in jobs}) if jobs else set()
        yield [job for job in jobs if job.pk in ids]


class Heartbeat:
    """Renews the leases of this process every 15 seconds from a thread of its own, one statement for each table."""

    def __init__(self) -> None:
        self.reset()
        # A child inherits the object, perhaps with its lock taken, but neither the thread nor the right to the leases.
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        self._held: dict[type[LeasedJob], dict[int, UUID | None]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, jobs: Sequence[LeasedJob]) -> Iterator[None]:
        """Keep the leases of `jobs`, all of one model, alive while the block runs."""
        with self._lock:
            for job in jobs:
                self._held.setdefault(type(job), {})[job.pk] = job.lease_token
            self._start()
        try:
            yield
        finally:
            with self._lock:
                for job in jobs:
                    self._held[type(job)].pop(job.pk, None)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="lease-heartbeat", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(BEAT_SECONDS):
            with self._lock:
                held = {model: dict(leases) for model, leases in self._held.items() if leases}
                if not held:
                    self._thread = None
                    return
            _beat(held)


def _beat(held: Mapping[type[LeasedJob], Leases]) -> None:
    """Renew once. A row locked by another transaction is passed over: that transaction is our own fence, which renews,
    or a person's who is taking the job away; waiting for it could only deadlock."""
    try:
        for model, leases in held.items():
            renew(model, leases, is_waiting=False)
    except Error as error:
        # The lease outlives three missed beats, and the fence is what protects the data.
        log.warning("heartbeat_missed", error=type(error).__name__)
    finally:
        connections.close_all()


heartbeat = Heartbeat()
