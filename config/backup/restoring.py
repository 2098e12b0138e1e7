"""Put a backup into an empty hub, prove that all of it is there, and erase again whom the ledger names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.base import File
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from config import audit, erasures
from config.audit import AuditEvent
from config.backup import BackupFailure, programs
from config.backup.manifest import DUMP, FILES, NAME, Manifest, StoredEntry, read_manifest
from config.backup.tables import digest_tables, own_tables
from config.backup.writing import entry_of, path_in
from config.erasures import Erasure
from contacts.acts import record_for_owners
from contacts.erasing import Report, erase_contacts, known_ids
from contacts.models import Contact
from media_store.models import Blob
from media_store.tiers import digest_of

# Pictures are checked where they are, without bringing their bytes here.
DAMAGED_BLOBS = f"select count(*) from {Blob._meta.db_table} where encode(sha256(data), 'hex') <> sha256"

# A hub that has been restored, and only that, differs from its backup in what was written down about the restore.
JOURNALS = frozenset({AuditEvent._meta.db_table, Erasure._meta.db_table})


@dataclass(frozen=True)
class Restored:
    """What a restore did; `was_there`: an earlier one had already brought the data in.

    `is_checked` is false when that one was interrupted while it erased: then only the erasing was finished.
    `erased` is what was erased again, None when no ledger was found.
    """

    manifest: Manifest
    was_there: bool
    is_checked: bool
    erased: Report | None


def restore_backup(folder: Path, *, ledgers: Sequence[Path] = (), now: datetime) -> Restored:
    """Restore the backup in `folder`; raises BackupFailure, wherever possible before anything is changed.

    Files come first, then the database in one transaction, then both are checked against the manifest. A restore that
    was interrupted is simply started again. The last step erases everybody whom a ledger names: `ledgers`, the file of
    ERASURE_LEDGER, the one beside `folder`, and the table of the hub as it was.
    """
    manifest = read_manifest(folder)
    _check_backup(folder, manifest)
    ledger = _read_ledgers(folder, ledgers)
    tools = _fitting_programs(manifest)
    _check_migrations(manifest)
    was_there = not _is_empty()
    is_checked = not was_there or _holds(manifest)
    seal = entry_of(folder / NAME).sha256
    if is_checked:
        _bring_in(folder, manifest, tools, was_there=was_there)
    elif not _is_erasing(ledger, seal=seal):
        raise BackupFailure(
            "The database already holds users or contacts. A restore goes into an empty one only: make a new database, "
            "name it in DATABASE_URL, and restore again. Nothing was changed."
        )
    return Restored(manifest, was_there, is_checked, _erase_again(ledger, seal=seal, now=now))


def _bring_in(folder: Path, manifest: Manifest, tools: programs.Programs, *, was_there: bool) -> None:
    _store_files(folder, manifest)
    if not was_there:
        _drop_tables()
        connection.close()
        options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--clean", "--if-exists")
        programs.run([tools.pg_restore, *options, str(folder / DUMP)])
    _verify(manifest, besides=JOURNALS if was_there else frozenset())


def _read_ledgers(folder: Path, given: Sequence[Path]) -> list[erasures.Entry] | None:
    """Return whom the ledgers name; None when there is not one. Raises BackupFailure for one that cannot be read."""
    found = [*given, *(path for path in (settings.ERASURE_LEDGER, folder.parent / erasures.NAME) if path.exists())]
    has_table = Erasure._meta.db_table in own_tables()
    if not found and not (has_table and Erasure.objects.exists()):
        return None
    try:
        entries = [entry for path in dict.fromkeys(found) for entry in erasures.read_file(path)]
    except erasures.LedgerUnreadable as error:
        raise BackupFailure(f"{error} Nothing was changed.") from error
    return [*entries, *(erasures.entries() if has_table else [])]


def _is_erasing(ledger: Sequence[erasures.Entry] | None, *, seal: str) -> bool:
    """Say whether a restore of this backup was interrupted here while it erased again whom the ledger names."""
    return _was_restored(seal) and bool(known_ids({entry.contact_id for entry in ledger or []}))


def _was_restored(seal: str) -> bool:
    """Say whether a restore of this backup came to its last step here: erasing again."""
    if AuditEvent._meta.db_table not in own_tables():
        return False
    return AuditEvent.objects.filter(verb=audit.Verb.RESTORED, object_id=seal).exists()


def _erase_again(ledger: Sequence[erasures.Entry] | None, *, seal: str, now: datetime) -> Report | None:
    """Erase whom the backup brought back; the whole ledger goes to the table and the file. None without a ledger."""
    ids = {entry.contact_id for entry in ledger or []}
    with connection.cursor() as cursor:
        cursor.execute(f"select 1 from {Contact._meta.db_table} where id = any(%s) limit 1", [list(ids)])
        is_anybody_back = cursor.fetchone() is not None
    if _has_old_tables():
        if not is_anybody_back:
            return None if ledger is None else Report()
        call_command("migrate", verbosity=0)
    with transaction.atomic():
        erasures.record(ledger or [])
        if not _was_restored(seal):
            record_for_owners(audit.Verb.RESTORED, Contact.objects.all(), object_id=seal)
    return None if ledger is None else erase_contacts(known_ids(ids), now=now)


def _has_old_tables() -> bool:
    """Say whether the backup is of an older version: its tables are migrated before anything is done with them."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


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
    tables = [name for name in manifest.tables if name not in JOURNALS]
    with transaction.atomic():
        return digest_tables(tables) == {name: manifest.tables[name] for name in tables}


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
    try:
        size, sha256 = digest_of(name)
    except FileNotFoundError:
        return None
    return StoredEntry(size, sha256)


def _verify(manifest: Manifest, *, besides: frozenset[str]) -> None:
    """Raise BackupFailure unless every row, but for the tables `besides`, and every file is back as it was."""
    with transaction.atomic():
        found = digest_tables([name for name in own_tables() if name in manifest.tables])
    wrong = [name for name, digest in manifest.tables.items() if name not in besides and found.get(name) != digest]
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
