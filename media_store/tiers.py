"""What lies in the `files` tier, whatever the database says about it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage, Storage, storages

CHUNK = 1_048_576


@dataclass(frozen=True)
class Entry:
    """One object of the tier."""

    name: str
    size: int
    modified_at: datetime


def files_tier() -> Storage:
    """Return the storage of the large files."""
    return storages["files"]


def walk(*, start_after: str = "") -> Iterator[Entry]:
    """Give every object of the `files` tier in the order of its name as bytes, without holding the list in memory."""
    tier: Any = files_tier()
    if isinstance(tier, FileSystemStorage):
        return _walk_folder(Path(tier.location), "", start_after)
    entries: Iterator[Entry] = tier.walk(start_after=start_after)
    return entries


def _walk_folder(folder: Path, prefix: str, start_after: str) -> Iterator[Entry]:
    """Give the files below `folder`; a folder sorts as its name with the slash, as in a list of whole names."""
    try:
        with os.scandir(folder) as found:
            entries = [(f"{prefix}{entry.name}{_slash(entry)}", entry) for entry in found]
    except FileNotFoundError:
        return
    for name, entry in sorted(entries, key=lambda pair: os.fsencode(pair[0])):
        if name.endswith("/"):
            if name > start_after or start_after.startswith(name):
                yield from _walk_folder(folder / entry.name, name, start_after)
        elif name > start_after:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield Entry(name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _slash(entry: os.DirEntry[str]) -> str:
    return "/" if entry.is_dir(follow_symlinks=False) else ""


def digest_of(name: str) -> tuple[int, str]:
    """Return size and SHA-256 of an object as it can be read now; FileNotFoundError or another OSError if it cannot."""
    digest, size = hashlib.sha256(), 0
    with files_tier().open(name) as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()
