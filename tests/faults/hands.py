"""Workers in threads: each has a connection of its own and remembers what it has claimed, right or wrong."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import F

from config.jobs.leases import fenced
from imports.models import ImportJob

PATIENCE = "set lock_timeout = '10s'"  # whoever would wait for a fence fails instead

Value = TypeVar("Value")


class Worker:
    """A worker in a thread with a connection of its own: the jobs that it believes to hold, and its open fence."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.forget()
        self.do(lambda: connection.cursor().execute(PATIENCE))

    def forget(self) -> None:
        self.jobs: list[ImportJob] = []
        self.fence: ExitStack | None = None
        self.fenced_job: ImportJob | None = None

    @property
    def job_in_fence(self) -> ImportJob:
        assert self.fenced_job is not None
        return self.fenced_job

    def do(self, work: Callable[[], Value]) -> Value:
        return self.thread.submit(work).result()

    def open(self, job: ImportJob) -> None:
        """Enter the job's fence and write an effect that only a commit may show; raises LeaseLost."""
        stack = ExitStack()
        stack.enter_context(fenced(job))
        ImportJob.objects.filter(pk=job.pk).update(processed=F("processed") + 1)
        self.fence, self.fenced_job = stack, job

    def close(self, *, is_kept: bool) -> None:
        if self.fence is not None:
            if not is_kept:
                transaction.set_rollback(True)
            self.fence.close()
        self.fence = self.fenced_job = None
