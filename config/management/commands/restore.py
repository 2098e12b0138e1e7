from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.backup import BackupFailure
from config.backup.restoring import restore_backup


class Command(BaseCommand):
    help = (
        "Put a backup into an empty hub and check every row and file of it. Stop the server and the workers first; "
        "an interrupted restore is started again with the same command."
    )
    requires_system_checks: list[str] = []  # an empty database fails some of them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="what `backup` wrote")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        try:
            restored = restore_backup(options["folder"].absolute())
        except BackupFailure as error:
            raise CommandError(str(error)) from error
        manifest = restored.manifest
        answer = {
            "made_at": manifest.made_at,
            "tables": len(manifest.tables),
            "rows": manifest.rows,
            "files": len(manifest.files),
            "was_there": restored.was_there,
            "duration_ms": round((time.monotonic() - started_at) * 1_000),
        }
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            verb = "were there already, and are" if restored.was_there else "are back, and"
            self.stdout.write(
                f"{manifest.rows:,} rows and {len(manifest.files):,} files of {manifest.made_at} {verb} checked."
            )
