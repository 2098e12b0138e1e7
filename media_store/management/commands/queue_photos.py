from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.management.owners import owner_id_of
from media_store.photos import enqueue_backfill


class Command(BaseCommand):
    help = "Queue the pictures that have a web address and no stored file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", metavar="USERNAME", help="Only the pictures of this user.")
        parser.add_argument("--limit", type=int, metavar="N", help="Queue at most N.")
        parser.add_argument("--refresh", action="store_true", help="Also download again what is stored already.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["limit"] is not None and options["limit"] < 0:
            raise CommandError("--limit must not be negative.")
        owner_id = owner_id_of(options["owner"])
        queued = enqueue_backfill(owner_id=owner_id, limit=options["limit"], is_refresh=options["refresh"])
        if options["json"]:
            self.stdout.write(json.dumps({"queued": queued}))
        else:
            self.stdout.write(f"Queued {queued:,} {'picture' if queued == 1 else 'pictures'}.")
