"""Make a backup of a hub, also while it is in use."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from django.core.files.storage import storages
from django.core.files.utils import validate_file_name
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from config.backup import BackupFailure, programs
from config.backup.manifest import DUMP, FILES, Manifest, StoredEntry, create_private
from config.backup.tables import cache_tables, digest_tables, own_tables
from media_store.models import StoredFile

BLOCK = 1 << 20
# Compressed pictures are most of a dump: harder compression takes twice the time for 3 % of the size.
DUMP_OPTIONS = ("--format=custom", "--compress=1", "--no-owner", "--no-privileges")


def make_backup(target: Path) -> Manifest:
    """Write a backup to the new folder `target`; raises BackupFailure, and then there is no such folder.

    Rows, counts and the list of files are those of one moment, whatever is written meanwhile. Everything is made in
    `<target>.partial` and renamed when all of it is on the disk.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupFailure(f"{target} is there already; a backup needs a folder of its own.")
    if connection.in_atomic_block:
        raise BackupFailure("A backup cannot be made inside a transaction.")
    tools = programs.find_programs(oldest=programs.server_major(), wanted=programs.server_major())
    with _partial(target) as folder:
        manifest = _write(folder, tools)
        manifest.write(folder)
        _flush(folder)
        folder.rename(target)
        _flush_folder(target.parent)
    return manifest


@contextlib.contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """Give an empty private folder beside `target` that no other backup uses; it is removed unless it was renamed."""
    folder = target.with_name(f"{target.name}.partial")
    try:
        folder.mkdir(mode=0o700, exist_ok=True, parents=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BackupFailure(f"{folder} cannot be made: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BackupFailure(f"Another backup is being written to {target}.") from None
    try:
        _empty(folder)  # what a killed backup left
        yield folder
    except OSError as error:
        raise BackupFailure(f"The backup could not be written: {error}.") from error
    finally:
        # Removed under the lock: afterwards it could be the next backup's.
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _write(folder: Path, tools: programs.Programs) -> Manifest:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            cursor.execute("select pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
        # The dump first: it must begin while this transaction, whose snapshot it uses, is there.
        without_caches = [f"--exclude-table-data={name}" for name in sorted(cache_tables())]
        dump = folder / DUMP
        programs.run([tools.pg_dump, *DUMP_OPTIONS, *without_caches, f"--snapshot={snapshot}", f"--file={dump}"])
        tables = digest_tables(own_tables())
        migrations = newest_migrations()
        wanted = list(StoredFile.objects.live().filter(blob=None).order_by("name").values_list("name", "sha256"))
    files, missing = _copy_files(wanted, folder / FILES)
    return Manifest(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        server_major=programs.server_major(),
        dump_major=tools.major,
        migrations=migrations,
        tables=tables,
        dump=entry_of(dump),
        files=files,
        missing=missing,
    )


def newest_migrations() -> dict[str, str]:
    """Return the name of the last applied migration of each app."""
    applied = sorted(MigrationRecorder(connection).applied_migrations())
    return dict(applied)


def _copy_files(wanted: Iterable[tuple[str, str]], folder: Path) -> tuple[dict[str, StoredEntry], list[str]]:
    """Copy these files of the tier; return those copied and the names of those that are gone or not what they were."""
    storage = storages["files"]
    folder.mkdir(mode=0o700)
    copied, missing = {}, []
    for name, sha256 in wanted:
        try:
            with storage.open(name) as source:
                entry = _copy(source, path_in(folder, name))
        except FileNotFoundError:
            missing.append(name)
            continue
        if entry.sha256 != sha256:
            missing.append(name)
        copied[name] = entry
    return copied, missing


def path_in(folder: Path, name: str) -> Path:
    """Return where a file of the tier is kept in a backup; raises SuspiciousFileOperation for a name that leads out."""
    validate_file_name(name, allow_relative_path=True)
    return folder / name


def _copy(source: IO[bytes], path: Path) -> StoredEntry:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with create_private(path) as file:
        while block := source.read(BLOCK):
            digest.update(block)
            size += len(block)
            file.write(block)
    return StoredEntry(size, digest.hexdigest())


def entry_of(path: Path) -> StoredEntry:
    """Return size and hash of a file; raises FileNotFoundError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return StoredEntry(file.tell(), digest.hexdigest())


def _flush(folder: Path) -> None:
    """Wait until everything below `folder` is on the disk: a rename must not arrive before what it names."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with Path(parent, name).open("rb") as file:
                os.fsync(file.fileno())
        _flush_folder(Path(parent))


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
