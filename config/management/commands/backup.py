from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.backup import BackupFailure
from config.backup.writing import make_backup


class Command(BaseCommand):
    help = "Write the whole hub, database and files, to a new folder, also while it is in use."

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
        if manifest.missing:
            shown = ", ".join(manifest.missing[:5])
            raise CommandError(
                f"The backup is whole, but the store had already lost or damaged {len(manifest.missing):,} files: "
                f"{shown}. `storage_doctor` says more."
            )
