from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.management.owners import owner_id_of
from contacts.chats.caching import Eagerness, Scope, enqueue_pictures
from contacts.chats.coverage import PictureState, counts_by_state
from contacts.models import Chat


class Command(BaseCommand):
    help = (
        "Queue the pictures of chats that are not in the cache, and say how many are and how many wait. "
        "The workers fetch them, or `run_jobs --queue photos`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", metavar="USERNAME", help="only the chats of this user")
        parser.add_argument("--network", metavar="NAME", default="", help="only chats on this network, like WhatsApp")
        parser.add_argument("--limit", type=int, metavar="N", help="queue at most N")
        parser.add_argument("--refresh", action="store_true", help="also fetch again what is cached")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["limit"] is not None and options["limit"] < 0:
            raise CommandError("--limit must not be negative.")
        chats = Chat.objects.all()
        owner_id = owner_id_of(options["owner"])
        if owner_id is not None:
            chats = chats.filter(owner_id=owner_id)
        if options["network"]:
            chats = chats.filter(network__iexact=options["network"])
            if not chats.exists():
                raise CommandError(f"There are no chats on {options['network']!r}.")
        queued = enqueue_pictures(
            Scope(owner_id, network=options["network"]),
            now=timezone.now(),
            eagerness=Eagerness.EVERYTHING if options["refresh"] else Eagerness.MISSING,
            limit=options["limit"],
        )
        counts = {"queued": queued, **counts_by_state(chats)}
        self.stdout.write(json.dumps(counts) if options["json"] else _sentences(counts))


def _sentences(counts: dict[str, int]) -> str:
    lines = [f"Queued {counts['queued']:,} {'picture' if counts['queued'] == 1 else 'pictures'}."]
    lines += [f"{state.label:<28}{counts[state.value]:>9,}" for state in PictureState]
    return "\n".join(lines)
