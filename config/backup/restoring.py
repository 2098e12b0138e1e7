"""Put a backup into an empty hub, and prove that all of it is there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.files.base import File
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from config.backup import BackupFailure, programs
from config.backup.manifest import DUMP, FILES, Manifest, StoredEntry, read_manifest
from config.backup.tables import digest_tables, own_tables
from config.backup.writing import BLOCK, entry_of, path_in
from contacts.models import Contact
from media_store.models import Blob

# Pictures are checked where they are, without bringing their bytes here.
DAMAGED_BLOBS = f"select count(*) from {Blob._meta.db_table} where encode(sha256(data), 'hex') <> sha256"


@dataclass(frozen=True)
class Restored:
    """What a restore did; `was_there`: an earlier one had been interrupted after its data were in."""

    manifest: Manifest
    was_there: bool


def restore_backup(folder: Path) -> Restored:
    """Restore the backup in `folder`; raises BackupFailure, before anything is changed when it can be known before.

    Files come first, then the database in one transaction, then both are checked against the manifest. A restore that
    was interrupted is simply started again.
    """
    manifest = read_manifest(folder)
    _check_backup(folder, manifest)
    tools = _fitting_programs(manifest)
    _check_migrations(manifest)
    was_there = not _is_empty()
    if was_there and not _holds(manifest):
        raise BackupFailure(
            "The database already holds users or contacts. A restore goes into an empty one only: make a new database, "
            "name it in DATABASE_URL, and restore again. Nothing was changed."
        )
    _store_files(folder, manifest)
    if not was_there:
        _drop_tables()
        connection.close()
        options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--clean", "--if-exists")
        programs.run([tools.pg_restore, *options, str(folder / DUMP)])
    _verify(manifest)
    return Restored(manifest, was_there)


def _check_backup(folder: Path, manifest: Manifest) -> None:
    """Raise BackupFailure when the dump or a file is not what the manifest says."""
    expected = {DUMP: manifest.dump, **{f"{FILES}/{name}": entry for name, entry in manifest.files.items()}}
    for name, entry in expected.items():
        try:
            found = entry_of(path_in(folder, name))
        except OSError:
            raise BackupFailure(f"The backup is incomplete: {name} is missing. Nothing was changed.") from None
        if found != entry:
            raise BackupFailure(f"The backup is damaged: {name} is not what was written. Nothing was changed.")


def _fitting_programs(manifest: Manifest) -> programs.Programs:
    major = programs.server_major()
    if major < manifest.server_major:
        raise BackupFailure(
            f"The backup is of PostgreSQL {manifest.server_major}, but this server is PostgreSQL {major}. "
            f"Restore it to PostgreSQL {manifest.server_major} or newer. Nothing was changed."
        )
    return programs.find_programs(oldest=manifest.dump_major, wanted=major)


def _check_migrations(manifest: Manifest) -> None:
    """Raise BackupFailure when the backup has tables that this version of Kith does not know."""
    loader = MigrationLoader(None)
    unknown = [
        f"{app}.{name}"
        for app, name in manifest.migrations.items()
        if (app, name) not in loader.disk_migrations and (app, name) not in loader.replacements
    ]
    if unknown:
        raise BackupFailure(
            f"The backup was made by a newer Kith: {', '.join(unknown)} is not known here. "
            "Install that version, or a newer one, and restore again. Nothing was changed."
        )


def _is_empty() -> bool:
    """Say whether nobody's data are in the database; a fresh one with its tables counts as empty."""
    tables = set(own_tables())
    models = [model for model in (get_user_model(), Contact) if model._meta.db_table in tables]
    return not any(model._default_manager.exists() for model in models)


def _holds(manifest: Manifest) -> bool:
    """Say whether exactly the rows of this backup are in the database."""
    if set(own_tables()) != set(manifest.tables):
        return False
    with transaction.atomic():
        return digest_tables(manifest.tables) == manifest.tables


def _drop_tables() -> None:
    """Make room: the tables of a fresh hub may be those of a newer version than the backup's."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        if names:
            cursor.execute(f"drop table {', '.join(map(connection.ops.quote_name, names))} cascade")


def _store_files(folder: Path, manifest: Manifest) -> None:
    """Copy the files into the tier, except those that are there already."""
    storage = storages["files"]
    for name, entry in manifest.files.items():
        if _found(name) == entry:
            continue
        storage.delete(name)
        with path_in(folder / FILES, name).open("rb") as file:
            stored = storage.save(name, File(file))
        if stored != name:
            storage.delete(stored)
            raise BackupFailure(f"The files tier already has another {name!r}. Empty it and restore again.")


def _found(name: str) -> StoredEntry | None:
    """Return size and hash of a file in the tier, None when it is not there."""
    digest, size = hashlib.sha256(), 0
    try:
        with storages["files"].open(name) as file:
            while block := file.read(BLOCK):
                digest.update(block)
                size += len(block)
    except FileNotFoundError:
        return None
    return StoredEntry(size, digest.hexdigest())


def _verify(manifest: Manifest) -> None:
    """Raise BackupFailure unless every row and every file is back as it was."""
    with transaction.atomic():
        found = digest_tables([name for name in own_tables() if name in manifest.tables])
    wrong = [name for name, digest in manifest.tables.items() if found.get(name) != digest]
    if wrong:
        raise BackupFailure(f"After the restore these tables differ from the backup: {', '.join(wrong)}.")
    with connection.cursor() as cursor:
        cursor.execute(DAMAGED_BLOBS)
        damaged = cursor.fetchone()[0]
    if damaged:
        raise BackupFailure(f"{damaged:,} pictures in the database are not what their hashes say.")
    lost = [name for name, entry in manifest.files.items() if _found(name) != entry]
    if lost:
        raise BackupFailure(f"These files did not arrive in the files tier: {', '.join(lost[:5])}.")
