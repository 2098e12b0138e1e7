from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from config.backup import BackupFailure
from config.backup.restoring import Restored, restore_backup
from config.management.acting import ActingCommand

NO_LEDGER = (
    "No erasure ledger was found: whoever was erased after the backup was made is back. If you keep a ledger, give it "
    "to `erase_contact --ledger FILE`."
)


class Command(ActingCommand):
    help = (
        "Put a backup into an empty hub, check every row and file of it, and erase again everyone in the erasure "
        "ledger. Stop the server and the workers first; an interrupted restore is started again with the same command."
    )
    requires_system_checks: list[str] = []  # an empty database fails some of them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="what `backup` wrote")
        parser.add_argument(
            "--ledger",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="one more erasure ledger: ERASURE_LEDGER and erasures.jsonl next to DIR are always read",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        try:
            restored = restore_backup(options["folder"].absolute(), ledgers=options["ledger"], now=timezone.now())
        except BackupFailure as error:
            raise CommandError(str(error)) from error
        manifest = restored.manifest
        answer = {
            "made_at": manifest.made_at,
            "tables": len(manifest.tables),
            "rows": manifest.rows,
            "files": len(manifest.files),
            "was_there": restored.was_there,
            "is_checked": restored.is_checked,
            "has_ledger": restored.erased is not None,
            "erased": restored.erased.contacts if restored.erased else 0,
            "duration_ms": round((time.monotonic() - started_at) * 1_000),
        }
        self.stdout.write(json.dumps(answer) if options["json"] else "\n".join(_sentences(restored)))
        if restored.erased and restored.erased.problems:
            raise CommandError("\n".join(restored.erased.problems))


def _sentences(restored: Restored) -> Iterator[str]:
    manifest = restored.manifest
    whole = f"{manifest.rows:,} rows and {len(manifest.files):,} files of {manifest.made_at}"
    if not restored.is_checked:
        yield "This backup is here already, and was checked when it came; its last step, erasing, is done now."
    elif restored.was_there:
        yield f"{whole} were there already, and are checked."
    else:
        yield f"{whole} are back, and checked."
    if restored.erased is None:
        yield NO_LEDGER
    elif restored.erased.contacts:
        yield f"{restored.erased.contacts:,} of its people had been erased since, and were erased again."
