from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

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
        owner_id = _owner_id(options["owner"]) if options["owner"] else None
        queued = enqueue_backfill(owner_id=owner_id, limit=options["limit"], is_refresh=options["refresh"])
        if options["json"]:
            self.stdout.write(json.dumps({"queued": queued}))
        else:
            self.stdout.write(f"Queued {queued:,} {'picture' if queued == 1 else 'pictures'}.")


def _owner_id(username: str) -> int:
    user = get_user_model().objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no user {username!r}.")
    return int(user.pk)
