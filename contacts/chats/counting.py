"""How often pictures of chats were found, missed and fetched again: noted in memory, written at most once a minute."""

from __future__ import annotations

import atexit
import os
import threading
from collections import Counter
from datetime import date, datetime, timedelta
from enum import StrEnum

import structlog
from django.db import DatabaseError, connection

from contacts.models import ChatPictureCount

log = structlog.get_logger(__name__)

PERIOD = timedelta(minutes=1)
TABLE = ChatPictureCount._meta.db_table

# In the order of the unique index, so that two processes that write at once cannot deadlock. The owner may be gone.
ADD = f"""
    insert into {TABLE} as known (owner_id, network, day, hits, misses, refetches)
    select owner_id, network, day, hits, misses, refetches
    from unnest(%s::integer[], %s::text[], %s::date[], %s::integer[], %s::integer[], %s::integer[])
        as added(owner_id, network, day, hits, misses, refetches)
    where exists (select from auth_user where id = owner_id)
    order by owner_id, network, day
    on conflict (owner_id, network, day) do update
    set hits = known.hits + excluded.hits, misses = known.misses + excluded.misses,
        refetches = known.refetches + excluded.refetches
"""

Key = tuple[int, str, date]


class What(StrEnum):
    HIT = "hits"
    MISS = "misses"
    REFETCH = "refetches"


class Tally:
    """What this process has counted and not written yet."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; in a forked process, whose parent writes what it has counted itself."""
        self._lock = threading.Lock()
        self._counts: dict[Key, Counter[What]] = {}
        self._flushed_at: datetime | None = None

    def note(self, owner_id: int, network: str, *what: What, now: datetime) -> None:
        """Count; once a minute this writes what has come together."""
        with self._lock:
            self._counts.setdefault((owner_id, network, now.date()), Counter()).update(what)
            self._flushed_at = self._flushed_at or now
            is_due = now - self._flushed_at >= PERIOD
        if is_due and not connection.in_atomic_block:
            self.flush(now=now)

    def flush(self, *, now: datetime | None = None) -> int:
        """Write what was counted by one statement; return the number of rows. A faulty database loses it."""
        with self._lock:
            counts, self._counts, self._flushed_at = self._counts, {}, now
        if not counts:
            return 0
        rows = sorted(counts.items())
        columns = [[key[place] for key, _ in rows] for place in range(3)]
        columns += [[counter[what] for _, counter in rows] for what in What]
        try:
            with connection.cursor() as cursor:
                cursor.execute(ADD, columns)
        except DatabaseError as error:
            log.warning("chat_picture_counts_lost", rows=len(rows), error=str(error).partition("\n")[0])
            return 0
        return len(rows)

    def flush_at_exit(self) -> None:
        if self._counts:
            self.flush()
            connection.close()


tally = Tally()
os.register_at_fork(after_in_child=tally.reset)
atexit.register(tally.flush_at_exit)
