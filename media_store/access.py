"""When files were last looked at: noted in memory, written at most once a minute and at the end of the process."""

from __future__ import annotations

import atexit
import os
import threading
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection

from media_store.models import StoredFile

log = structlog.get_logger(__name__)

PERIOD = timedelta(minutes=1)
MOST = 10_000

# Rows that somebody else is writing are left out: a minute's access time is not worth waiting for, or a deadlock.
NOTE = f"""
    with seen as (select * from unnest(%s::text[], %s::timestamptz[]) as seen (name, at)),
    free as (
        select file.id, seen.at from {StoredFile._meta.db_table} file join seen on seen.name = file.name
        where file.last_accessed_at is null or file.last_accessed_at < seen.at
        for no key update of file skip locked
    )
    update {StoredFile._meta.db_table} file set last_accessed_at = free.at from free where free.id = file.id
"""


class AccessLog:
    """The times of last access that this process has not written yet."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; in a forked process, whose parent writes what it has noted itself."""
        self._lock = threading.Lock()
        self._seen: dict[str, datetime] = {}
        self._flushed_at: datetime | None = None

    def note(self, name: str, *, now: datetime) -> None:
        """Remember that `name` was read now; once a minute this writes what has come together."""
        with self._lock:
            self._seen[name] = now
            self._flushed_at = self._flushed_at or now
            is_due = now - self._flushed_at >= PERIOD or len(self._seen) >= MOST
        if is_due and not connection.in_atomic_block:
            self.flush(now=now)

    def flush(self, *, now: datetime) -> int:
        """Write what was noted; return the number of files. Losing it to a faulty database is no fault of a view."""
        with self._lock:
            seen, self._seen, self._flushed_at = self._seen, {}, now
        if not seen:
            return 0
        try:
            with connection.cursor() as cursor:
                cursor.execute(NOTE, [list(seen), list(seen.values())])
        except DatabaseError as error:
            # One line: the fault of the database is told in full by those who needed it.
            log.warning("access_times_lost", files=len(seen), error=str(error).partition("\n")[0])
            return 0
        return len(seen)

    def flush_at_exit(self) -> None:
        with self._lock:
            last = max(self._seen.values(), default=None)
        if last is not None:
            self.flush(now=last)
            connection.close()


accesses = AccessLog()
os.register_at_fork(after_in_child=accesses.reset)
atexit.register(accesses.flush_at_exit)
