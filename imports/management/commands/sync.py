from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from config.jobs.models import Priority
from config.management.owners import owner_id_of
from imports.models import SyncRun
from imports.sync.asking import CannotSync, answer, ask, askings, run_to_rest
from imports.sync.running import request_file_sync

TRIGGER = "command"


class Command(BaseCommand):
    help = "Read mail, meetings or chats of the connected accounts now, and wait for the end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=sorted(askings), help="what to read")
        parser.add_argument("--owner", metavar="USERNAME", help="only the accounts of this user")
        parser.add_argument("--mbox", metavar="FILE", help="read this mail file instead of an account; with --owner")
        parser.add_argument("--since", metavar="DATE", help="read the past again from this day or moment (ISO 8601)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        kind = SyncRun.Kind(options["kind"])
        owner_id, since = owner_id_of(options["owner"]), _moment(options["since"])
        if options["mbox"]:
            runs = [_file_run(kind, options["mbox"], owner_id=owner_id, since=since)]
        else:
            try:
                runs = ask(
                    kind, now=now, owner_id=owner_id, since=since, triggered_by=TRIGGER, priority=Priority.PERSON
                )
            except CannotSync as problem:
                raise CommandError(str(problem)) from problem
        run_to_rest(runs)
        result = answer(kind, runs, triggered_by=TRIGGER, now=now)
        self.stdout.write(json.dumps(result) if options["json"] else _sentences(kind, runs, result))
        if not result["success"]:
            raise CommandError(" ".join(result["errors"]))


def _file_run(kind: SyncRun.Kind, path: str, *, owner_id: int | None, since: datetime | None) -> SyncRun:
    if kind != SyncRun.Kind.MAIL or owner_id is None:
        raise CommandError("--mbox belongs to `sync mail` and needs --owner.")
    try:
        with Path(path).open("rb") as file:
            return request_file_sync(owner_id, file, name=Path(path).name, since=since, triggered_by=TRIGGER)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment, day = parse_datetime(text), parse_date(text)
    except ValueError:
        moment, day = None, None
    if moment is None and day is not None:
        moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 (made aware below)
    if moment is None:
        raise CommandError("--since must look like 2026-03-01 or 2026-03-01T08:00.")
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def _sentences(kind: SyncRun.Kind, runs: list[SyncRun], result: dict[str, Any]) -> str:
    if not runs:
        return f"No account is connected whose {kind.label.lower()} could be read."
    lines = [f"{run.account or run}: {run.seen} read, {run.written} new events." for run in runs]
    for run in runs:
        lines += [f"  left out: {error['count']} times {error['reason']}" for error in run.errors]
    return "\n".join(lines)
