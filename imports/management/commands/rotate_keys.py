from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.management.queues import report
from imports.accounts.rotating import rotate


class Command(BaseCommand):
    help = (
        "Seal the access to all accounts with the first key of FIELD_KEYS. Workers may go on; interrupted, it goes on "
        "with what is left. Afterwards the older keys may be removed from FIELD_KEYS."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.FIELD_KEYS:
            raise CommandError("FIELD_KEYS is empty: there is no key to seal with. `make setup` makes one.")
        result = rotate()
        unreadable = [str(account_id) for account_id in result.unreadable]
        message = f"{result.rotated} sealed anew."
        if unreadable:
            message += f" No key reads {len(unreadable)}; their owners have to reconnect."
        answer = {
            "rotated": result.rotated,
            "unreadable": unreadable,
            "by_key": result.by_key,
            "message": message,
        }
        report(self, answer, is_json=options["json"])
        if unreadable:
            raise CommandError(f"No key of FIELD_KEYS reads the access of {', '.join(unreadable)}.")
