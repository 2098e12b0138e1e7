from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import Q
from django.utils import timezone

from config.management.acting import ActingCommand
from config.management.owners import owner_id_of
from imports.accounts.importing import start_import
from imports.beeper.connecting import CannotConnect, accounts_to_sync
from imports.lifecycle import NotAllowed
from imports.management import reports
from imports.models import ImportJob, ProviderAccount
from imports.running import run_to_rest

PROVIDERS = ("google", "microsoft", "beeper")


class Command(ActingCommand):
    help = (
        "Import the contacts of a connected account and wait for the end: the first time all of them, later what has "
        "changed. From a Beeper, whoever there is a chat with. Pictures are queued, not downloaded: "
        "`run_jobs --queue photos` does that."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("provider", choices=PROVIDERS)
        parser.add_argument(
            "--account", metavar="A", help="address or id of the connected account, if there are several"
        )
        parser.add_argument("--owner", metavar="USERNAME", help="only the accounts of this user")
        parser.add_argument("--preview", action="store_true", help="stop before anything is written, say what would be")
        parser.add_argument("--full", action="store_true", help="list everybody, not only what has changed")
        parser.add_argument(
            "--overwrite", action="store_true", help="replace single values; else only blanks are filled the first time"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        account = _account(options["provider"], options["account"], owner_id=owner_id_of(options["owner"]))
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


def _account(provider: str, name: str | None, *, owner_id: int | None) -> ProviderAccount:
    if provider == ProviderAccount.Provider.BEEPER:
        _make_account_of_settings(owner_id)
    accounts = ProviderAccount.objects.filter(_named(name), provider=provider)
    if owner_id is not None:
        accounts = accounts.filter(owner_id=owner_id)
    found: list[ProviderAccount] = list(accounts.select_related("owner"))
    if not found:
        which = f"account {name!r}" if name else "account"
        raise CommandError(f"No {provider.title()} {which} is connected. Connect it in the admin first.")
    if len(found) > 1:
        known = ", ".join(f"{account.address} of {account.owner.get_username()}" for account in found)
        raise CommandError(f"Say which you mean with --account and --owner: {known}.")
    return found[0]


def _make_account_of_settings(owner_id: int | None) -> None:
    """The token of the settings has an account once somebody has asked for its chats; asking for people is as good."""
    try:
        accounts_to_sync(owner_id=owner_id, now=timezone.now())
    except CannotConnect as problem:
        raise CommandError(str(problem)) from None


def _named(name: str | None) -> Q:
    if not name:
        return ~Q(state=ProviderAccount.State.DISCONNECTED)
    try:
        return Q(pk=UUID(name))
    except ValueError:
        return Q(address__iexact=name) | Q(server__iexact=name.rstrip("/"))
