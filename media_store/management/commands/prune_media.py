from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from media_store.collecting import Amount, Busy
from media_store.pruning import OLDER_THAN, prune


class Command(BaseCommand):
    help = (
        "Free space: pictures of chats that nobody has looked at for a while, and files that nothing names. "
        "The bytes go 48 hours after a file is marked; what cannot be fetched again is kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than", type=int, metavar="DAYS", default=OLDER_THAN.days, help="Not looked at for this many days."
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say what would go.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["older_than"] < 0:
            raise CommandError("--older-than must not be negative.")
        older_than = timedelta(days=options["older_than"])
        try:
            pruned = prune(now=timezone.now(), older_than=older_than, is_dry_run=options["dry_run"])
        except (Busy, OSError) as problem:
            raise CommandError(str(problem)) from problem
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], **pruned.as_counts()}))
            return
        for label, amount in pruned.pictures.items():
            self._say(f"{label}, not looked at", amount)
        self._say("files that nothing names", pruned.collected.marked)
        self._say("deleted files, bytes freed", pruned.collected.freed)
        self._say("contents without a file", pruned.collected.blobs)
        if options["dry_run"]:
            self.stdout.write("Nothing was changed.")

    def _say(self, what: str, amount: Amount) -> None:
        self.stdout.write(f"{what:<40}{amount.files:>9,}{amount.bytes:>16,} bytes")
