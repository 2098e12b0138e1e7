from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from config import audit, erasures
from config.backup import BackupFailure
from config.backup.manifest import Manifest
from config.backup.writing import make_backup
from config.management.acting import ActingCommand
from contacts.acts import record_for_owners
from contacts.models import Contact


class Command(ActingCommand):
    help = (
        "Write the whole hub, database and files, to a new folder, also while it is in use. The erasure ledger beside "
        "it is brought up to date, so that older backups there are restored without the people erased since."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that is not there yet")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        folder = options["folder"].absolute()
        try:
            manifest = make_backup(folder)
        except BackupFailure as error:
            raise CommandError(str(error)) from error
        record_for_owners(audit.Verb.BACKED_UP, Contact.objects.all())
        answer = {
            "folder": str(folder),
            "tables": len(manifest.tables),
            "rows": manifest.rows,
            "files": len(manifest.files),
            "bytes": manifest.dump.size + sum(file.size for file in manifest.files.values()),
            "missing": manifest.missing,
            "duration_ms": round((time.monotonic() - started_at) * 1_000),
        }
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write(
                f"{manifest.rows:,} rows and {len(manifest.files):,} files are in {folder}, {answer['bytes']:,} bytes."
            )
        if problems := [*_write_ledger(folder.parent / erasures.NAME), *_losses(manifest)]:
            raise CommandError("\n".join(problems))


def _write_ledger(path: Path) -> Iterator[str]:
    try:
        erasures.write_file(path)
    except (OSError, erasures.LedgerUnreadable) as error:
        yield f"The backup is whole, but the erasure ledger beside it could not be written: {error}"


def _losses(manifest: Manifest) -> Iterator[str]:
    if manifest.missing:
        yield (
            f"The backup is whole, but the store had already lost or damaged {len(manifest.missing):,} files: "
            f"{', '.join(manifest.missing[:5])}. `storage_doctor` says more."
        )
