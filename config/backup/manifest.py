"""manifest.json: what a backup holds. It is written last, so a folder without it is no backup."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from config.backup import BackupFailure
from config.backup.tables import Digest

FORMAT = 1
NAME = "manifest.json"
DUMP = "database.dump"
FILES = "files"


@dataclass(frozen=True)
class StoredEntry:
    """A file of the backup: its size in bytes and its SHA-256 as 64 hex digits."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `made_at` is ISO 8601 in UTC; `migrations` are the newest of each app.

    `files` go by their names in the `files` tier. `missing` were already gone or damaged when the backup was made.
    """

    made_at: str
    server_major: int
    dump_major: int
    migrations: dict[str, str]
    tables: dict[str, Digest]
    dump: StoredEntry
    files: dict[str, StoredEntry]
    missing: list[str]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    def write(self, folder: Path) -> None:
        content = {"format": FORMAT, **asdict(self)}
        with create_private(folder / NAME) as file:
            file.write(json.dumps({**content, "sha256": _seal(content)}, indent=1).encode())


def create_private(path: Path) -> IO[bytes]:
    """Open a new file that only this user can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the backup in `folder`; raises BackupFailure for what is not a whole one."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BackupFailure(
            f"{folder} is not a backup: it has no {NAME}. An interrupted backup never gets one; it cannot be restored."
        ) from None
    except (OSError, ValueError) as error:
        raise BackupFailure(f"{folder / NAME} cannot be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise BackupFailure(f"{folder / NAME} is not the manifest of a backup.")
    if content["format"] > FORMAT:
        raise BackupFailure(
            f"This backup is in format {content['format']}, made by a newer Kith; this one reads up to {FORMAT}. "
            "Restore it with the version that made it, or a newer one."
        )
    if content.pop("sha256", None) != _seal(content):
        raise BackupFailure(f"{folder / NAME} was changed or damaged since the backup was made.")
    return _parsed(content)


def _parsed(content: dict[str, Any]) -> Manifest:
    del content["format"]
    return Manifest(
        **{
            **content,
            "tables": {name: Digest(**table) for name, table in content["tables"].items()},
            "dump": StoredEntry(**content["dump"]),
            "files": {name: StoredEntry(**file) for name, file in content["files"].items()},
        }
    )


def _seal(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
