"""Compare what the database says about stored files with what is there: findings, in the order of the names."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby, islice
from typing import Any

from django.db import connection
from django.db.models.functions import Collate

from media_store.models import BLOB_LIMIT, Blob, StoredFile
from media_store.references import Reference, dangling, references
from media_store.tiers import Entry, digest_of, files_tier, walk

GRACE = timedelta(hours=48)
PAGE = 500

# The server hashes: the bytes do not travel. A content that several files share is read once for each page.
BLOB_DIGESTS = f"""
    select sha256, size, octet_length(data), encode(sha256(data), 'hex')
    from {Blob._meta.db_table} where sha256 = any(%s)
"""


class Kind(StrEnum):
    """What can be wrong with a file."""

    MISSING = "missing"
    ORPHAN = "orphan"
    SIZE_MISMATCH = "size_mismatch"
    HASH_MISMATCH = "hash_mismatch"
    WRONG_TIER = "wrong_tier"
    UNREADABLE = "unreadable"
    DANGLING = "dangling"
    DELETED_IN_USE = "deleted_in_use"

    @property
    def is_loss(self) -> bool:
        """Whether content is lost or in danger; the other kinds are only untidy."""
        return self not in (Kind.ORPHAN, Kind.WRONG_TIER)

    @property
    def label(self) -> str:
        """What people read."""
        return self.value.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; `done` says what was done about it, empty when nothing was."""

    kind: Kind
    name: str
    detail: str
    size: int = 0
    used_by: str = ""
    done: str = ""

    def mended(self, done: str) -> Finding:
        return replace(self, done=done)


@dataclass(frozen=True)
class Row:
    """A StoredFile as it was when the examination began, with its content in the database checked."""

    pk: int
    name: str
    size: int
    sha256: str
    blob: str | None
    is_deleted: bool
    problem: Finding | None = None


@dataclass
class Progress:
    """How far an examination has come; `last_name` is where another one can go on. `report` is told of each name."""

    report: Callable[[Progress], None] = field(default=lambda progress: None, repr=False)
    examined: int = 0
    last_name: str = ""


def examine(
    *, now: datetime, start_after: str = "", is_quick: bool = False, progress: Progress | None = None
) -> Iterator[Finding]:
    """Give what is wrong with files whose name is after `start_after`, then with references to files.

    Reads every byte unless `is_quick`, which compares sizes only. Memory stays the same for any number of files.
    Raises OSError when the `files` tier cannot be listed.
    """
    progress = progress or Progress()
    before = now - GRACE
    for name, row, entry in _together(_rows(start_after, is_quick), walk(start_after=start_after)):
        # Not every S3 server lists in the order of the bytes: an object may come apart from its row, and is met again.
        met_again = None if row else StoredFile.objects.filter(name=name).first()
        if row:
            finding = _check_row(row, entry, before, is_quick)
        elif met_again:
            finding = _check_copy(met_again, entry, before)
        else:
            finding = _check_stray(name, entry, before)
        if finding:
            yield finding
        if met_again:
            continue
        progress.examined, progress.last_name = progress.examined + 1, name
        progress.report(progress)
    for reference in references():
        yield from _check_reference(reference)


def _together(rows: Iterator[Row], entries: Iterator[Entry]) -> Iterator[tuple[str, Row | None, Entry | None]]:
    """Give each name with its row and its object; both come sorted by name."""
    one: Iterator[tuple[str, int, Any]] = ((row.name, 0, row) for row in rows)
    other: Iterator[tuple[str, int, Any]] = ((entry.name, 1, entry) for entry in entries)
    for name, group in groupby(heapq.merge(one, other, key=lambda item: item[:2]), key=lambda item: item[0]):
        found = {which: item for _, which, item in group}
        yield name, found.get(0), found.get(1)


def _rows(start_after: str, is_quick: bool) -> Iterator[Row]:
    """Give the rows in the order of the names as bytes, from one cursor on the server."""
    files = StoredFile.objects.annotate(key=Collate("name", "C")).order_by("key")
    files = files.filter(key__gt=start_after) if start_after else files
    columns = files.values_list("pk", "name", "size", "sha256", "blob_id", "deleted_at").iterator(chunk_size=PAGE)
    while page := list(islice(columns, PAGE)):
        rows = [
            Row(pk, name, size, sha256, blob, deleted_at is not None)
            for pk, name, size, sha256, blob, deleted_at in page
        ]
        problems = _blob_problems(rows, is_quick=is_quick)
        yield from (replace(row, problem=problems.get(row.pk)) for row in rows)


def _blob_problems(rows: list[Row], *, is_quick: bool) -> dict[int, Finding]:
    """Return what is wrong with the contents in the database, by file."""
    wanted = sorted({row.blob for row in rows if row.blob})
    sql = BLOB_DIGESTS.replace("encode(sha256(data), 'hex')", "sha256") if is_quick else BLOB_DIGESTS
    with connection.cursor() as cursor:
        cursor.execute(sql, [wanted])
        found = {sha256: (size, length, digest) for sha256, size, length, digest in cursor.fetchall()}
    problems: dict[int, Finding] = {}
    for row in rows:
        if row.blob not in found:
            continue
        size, length, digest = found[row.blob]
        if not size == length == row.size:
            detail = f"{length:,} bytes in the database instead of {row.size:,}."
            problems[row.pk] = Finding(Kind.SIZE_MISMATCH, row.name, detail, row.size)
        elif digest != row.sha256:
            detail = "The content in the database has another hash."
            problems[row.pk] = Finding(Kind.HASH_MISMATCH, row.name, detail, row.size)
    return problems


def _check_row(row: Row, entry: Entry | None, before: datetime, is_quick: bool) -> Finding | None:
    if row.blob is not None:
        problem = None if row.is_deleted else row.problem
        return problem or _old_copy(row.name, entry, before)
    return None if row.is_deleted else _check_object(row, entry, is_quick)


def _check_copy(stored: StoredFile, entry: Entry | None, before: datetime) -> Finding | None:
    """Check an object that came apart from its row, which is checked by itself."""
    return None if stored.blob_id is None else _old_copy(stored.name, entry, before)


def _old_copy(name: str, entry: Entry | None, before: datetime) -> Finding | None:
    if entry is None or entry.modified_at >= before:
        return None
    return Finding(Kind.ORPHAN, name, "The content is in the database; this is an old copy.", entry.size)


def _check_object(row: Row, entry: Entry | None, is_quick: bool) -> Finding | None:
    """Check a file of the `files` tier."""
    try:
        size = entry.size if entry else files_tier().size(row.name)
    except FileNotFoundError:
        return _missing(row)
    if size != row.size:
        detail = f"{size:,} bytes instead of {row.size:,}."
        return Finding(Kind.SIZE_MISMATCH, row.name, detail, row.size)
    if not is_quick:
        try:
            _, digest = digest_of(row.name)
        except FileNotFoundError:
            return _missing(row)
        except OSError as error:
            return Finding(Kind.UNREADABLE, row.name, f"{type(error).__name__}: {error}", row.size)
        if digest != row.sha256:
            return Finding(Kind.HASH_MISMATCH, row.name, "The content has another hash.", row.size)
    if row.size < BLOB_LIMIT:
        return Finding(Kind.WRONG_TIER, row.name, "Small enough for the database.", row.size)
    return None


def _missing(row: Row) -> Finding | None:
    """Look again: the file may have been collected, or moved, since the examination began."""
    if not StoredFile.objects.live().filter(pk=row.pk, blob=None).exists():
        return None
    if Blob.objects.filter(pk=row.sha256).exists():
        return Finding(Kind.WRONG_TIER, row.name, "The content is only in the database.", row.size)
    return Finding(Kind.MISSING, row.name, "The bytes are not there.", row.size)


def _check_stray(name: str, entry: Entry | None, before: datetime) -> Finding | None:
    """Check an object without a row; a young one may belong to a transaction that has not ended."""
    if entry is None or entry.modified_at >= before:
        return None
    return Finding(Kind.ORPHAN, name, f"No file has this name; written {entry.modified_at:%Y-%m-%d}.", entry.size)


def _check_reference(reference: Reference) -> Iterator[Finding]:
    for pk, name in dangling(reference):
        used_by = f"{reference} of {pk}"
        marked = StoredFile.objects.filter(name=name, deleted_at__isnull=False).first()
        if marked:
            detail = f"Marked as deleted and still used by {used_by}."
            yield Finding(Kind.DELETED_IN_USE, name, detail, marked.size, used_by=used_by)
        else:
            yield Finding(Kind.DANGLING, name, f"{used_by} names a file that is not there.", used_by=used_by)
