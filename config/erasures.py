"""The erasure ledger: who was erased, by id and time alone, so that a backup that is restored erases them again.

It is kept twice. The table goes with every backup. The file (ERASURE_LEDGER, one JSON object a line) outlives the
database: a restore reads it, as the backup cannot know of what was erased after it was made.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

NAME = "erasures.jsonl"


class Erasure(models.Model):
    """One contact that was erased. A trigger refuses changes; nothing in it says who it was.

    The owner is 0 where only traces of a contact were left, which had been deleted before.
    """

    contact_id = models.UUIDField(unique=True)
    owner_id = models.BigIntegerField()
    erased_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.contact_id}"


@dataclass(frozen=True)
class Entry:
    """A line of the ledger."""

    contact_id: UUID
    owner_id: int
    erased_at: datetime

    def as_line(self) -> str:
        at = self.erased_at.astimezone(UTC).isoformat(timespec="seconds")
        return json.dumps({"contact": str(self.contact_id), "owner": self.owner_id, "erased_at": at})


class LedgerUnreadable(Exception):
    """The file is no erasure ledger, or cannot be read; the message says why in one sentence."""


def record(entries: Collection[Entry]) -> None:
    """Write down who is erased, in the caller's transaction; who is there already keeps the first time."""
    rows = [
        Erasure(contact_id=entry.contact_id, owner_id=entry.owner_id, erased_at=entry.erased_at) for entry in entries
    ]
    Erasure.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)


def entries() -> list[Entry]:
    """Return the whole table, the oldest first."""
    rows = Erasure.objects.values_list("contact_id", "owner_id", "erased_at")
    return [Entry(*row) for row in rows.iterator(chunk_size=5_000)]


def read_file(path: Path) -> list[Entry]:
    """Return the entries of a ledger file; raises LedgerUnreadable."""
    try:
        return _parsed(path.read_bytes(), path)
    except OSError as error:
        raise LedgerUnreadable(f"{path} cannot be read: {error.strerror}.") from error


def write_file(path: Path) -> int:
    """Add to the file what the table has and the file has not; return how many lines. Raises OSError, LedgerUnreadable.

    The file is made where it is missing and somebody was erased, for this user's eyes alone.
    """
    rows = entries()
    if not rows and not path.exists():
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        content = file.read()
        known = {entry.contact_id for entry in _parsed(content, path)}
        fresh = [entry for entry in rows if entry.contact_id not in known]
        file.truncate(content.rfind(b"\n") + 1)
        file.write("".join(f"{entry.as_line()}\n" for entry in fresh).encode())
        file.flush()
        os.fsync(file.fileno())
    return len(fresh)


def _parsed(content: bytes, path: Path) -> list[Entry]:
    """Read whole lines. A last one without an end is left out: its writer was killed, and it is written anew."""
    found = []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            values = json.loads(line)
            at = datetime.fromisoformat(values["erased_at"])
            found.append(
                Entry(UUID(values["contact"]), int(values["owner"]), at if at.tzinfo else at.replace(tzinfo=UTC))
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise LedgerUnreadable(f"{path} is not an erasure ledger: line {number} cannot be read.") from None
    return found
