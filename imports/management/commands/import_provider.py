from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import Q

from config.management.acting import ActingCommand
from imports.accounts.importing import start_import
from imports.lifecycle import NotAllowed
from imports.management import reports
from imports.models import ImportJob, ProviderAccount
from imports.running import run_to_rest

PROVIDERS = ("google", "microsoft", "beeper")
CHATS = "Beeper has conversations and no address book. Bring them in with `manage.py sync chats`."


class Command(ActingCommand):
    help = (
        "Import the contacts of a connected account and wait for the end: the first time all of them, later what has "
        "changed. Pictures are queued, not downloaded: `run_jobs --queue photos` does that."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("provider", choices=PROVIDERS)
        parser.add_argument("--account", required=True, metavar="A", help="address or id of the connected account")
        parser.add_argument("--owner", help="user name, where several people have connected the same address")
        parser.add_argument("--preview", action="store_true", help="stop before anything is written, say what would be")
        parser.add_argument("--full", action="store_true", help="list everybody, not only what has changed")
        parser.add_argument(
            "--overwrite", action="store_true", help="replace single values; else only blanks are filled the first time"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        if options["provider"] == "beeper":
            raise CommandError(CHATS)
        account = _account(options["provider"], options["account"], owner=options["owner"])
        is_preview: bool = options["preview"]
        try:
            job = start_import(
                account,
                has_preview=is_preview,
                on_conflict=ImportJob.OnConflict.OVERWRITE if options["overwrite"] else "",
                is_full=options["full"],
            )
        except NotAllowed as refusal:
            raise CommandError(str(refusal)) from None
        run_to_rest(job)
        answer = reports.report(job, is_preview=is_preview)
        answer["duration_ms"] = round((time.monotonic() - started_at) * 1_000)
        shown = json.dumps(answer) if options["json"] else "\n".join(reports.lines(job, answer, is_preview=is_preview))
        self.stdout.write(shown)
        if problem := reports.problem(job, is_preview=is_preview):
            raise CommandError(problem)


def _account(provider: str, name: str, *, owner: str | None) -> ProviderAccount:
    accounts = ProviderAccount.objects.filter(_named(name), provider=provider)
    if owner:
        accounts = accounts.filter(owner__username=owner)
    found = list(accounts[:2])
    if not found:
        raise CommandError(f"No {provider.title()} account {name!r} is connected. Connect it in the admin first.")
    if len(found) > 1:
        raise CommandError(f"Several people have connected {name!r}. Say whose you mean with --owner.")
    account: ProviderAccount = found[0]
    return account


def _named(name: str) -> Q:
    try:
        return Q(pk=UUID(name))
    except ValueError:
        return Q(address__iexact=name)
