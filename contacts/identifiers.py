"""Time-ordered primary keys (UUID version 7, RFC 9562)."""

from __future__ import annotations

import secrets
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """Return a new UUID whose first 48 bits are the Unix time in milliseconds; each is larger than the one before.

    Keys made one after the other stand side by side in the index, which random ones do not: bulk inserts touch few
    pages. Those of one process also keep their order within a millisecond, so the contacts of a file keep the file's.
    """
    global _last
    fresh = time.time_ns() // 1_000_000 << 74 | secrets.randbits(74)
    with _lock:
        # Far enough from the one before for a forked process, which begins with the same.
        value = _last = max(fresh, _last + 1 + secrets.randbits(48))
    clock, middle, low = value >> 74, value >> 62 & 0xFFF, value & (1 << 62) - 1
    return UUID(int=clock << 80 | 0x7 << 76 | middle << 64 | 0x2 << 62 | low)


def uuid7_sql(number: str) -> str:
    """Return SQL for a new UUID of the same kind; among those of one statement, larger for a larger `number`.

    `number` is SQL for an integer from 0 on, unlike in each row.
    """
    clock = f"(extract(epoch from statement_timestamp()) * 1000)::bigint + {number} / 4096"
    order = f"lpad(to_hex(mod({number}, 4096)), 3, '0')"
    noise = "right(replace(gen_random_uuid()::text, '-', ''), 15)"
    return f"(lpad(to_hex({clock}), 12, '0') || '7' || {order} || 'a' || {noise})::uuid"
