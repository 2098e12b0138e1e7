from __future__ import annotations

import csv
import json
import time
from argparse import RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from config.backup import BackupFailure
from config.backup.manifest import read_manifest
from media_store.moving import Outcome, Source, destinations, move_in, undo

BACKUP_AGE = timedelta(hours=24)
MAX_PROBLEMS = 1_000
REPORT_SECONDS = 5.0

HELP = """Move existing pictures into the store, from files named after the person or thing they show:

  users/<username>.jpg   organizations/<id>.png   parts/<number>/<n>.webp

With --map FILE.csv (columns file,target) the files may have any name: `scans/77.jpg,users/ada`.
May be interrupted and started again at any time. --undo brings every former picture back."""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, nargs="?", metavar="DIR")
        parser.add_argument("--map", type=Path, metavar="FILE.csv", help="Which file is for which place.")
        parser.add_argument("--backup", type=Path, metavar="DIR", help="A backup of the last 24 hours.")
        parser.add_argument("--backup-done", action="store_true", help="I have a backup made by other means.")
        parser.add_argument("--undo", action="store_true", help="Go back, where nobody has changed the picture since.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        if options["undo"]:
            results = _undone()
        else:
            _demand_backup(options, now=timezone.now())
            results = self._move(_sources(options["folder"], options["map"]))
        counts, problems = Counter[str](), list[dict[str, str]]()
        for what, outcome, reason in results:
            counts[outcome] += 1
            if reason and len(problems) < MAX_PROBLEMS:
                problems.append({"file": what, "reason": reason})
        outcomes = (Outcome.MOVED, Outcome.UNCHANGED, Outcome.REFUSED, Outcome.UNDONE, Outcome.KEPT)
        answer: dict[str, Any] = {outcome: counts[outcome] for outcome in outcomes}
        answer["problems"] = problems
        answer["duration_ms"] = round((time.monotonic() - started_at) * 1_000)
        self._write(answer, is_json=options["json"])
        if left := counts[Outcome.REFUSED] + counts[Outcome.KEPT]:
            raise CommandError(f"{left:,} {'picture was' if left == 1 else 'pictures were'} left as they were.")

    def _move(self, sources: list[tuple[Source | None, str]]) -> Iterator[tuple[str, str, str]]:
        reported_at = time.monotonic()
        for number, (source, name) in enumerate(sources, start=1):
            if source is None:
                yield name, Outcome.REFUSED, "This is not named after anything that has a picture."
            else:
                yield name, *move_in(source)
            if time.monotonic() - reported_at >= REPORT_SECONDS:
                reported_at = time.monotonic()
                self.stderr.write(f"{number:,} of {len(sources):,} done, up to {name}")

    def _write(self, answer: dict[str, Any], *, is_json: bool) -> None:
        if is_json:
            self.stdout.write(json.dumps(answer))
            return
        for problem in answer["problems"]:
            self.stdout.write(f"{problem['file']}: {problem['reason']}")
        told = [f"{answer[outcome]:,} {outcome}" for outcome in answer if isinstance(answer[outcome], int)]
        self.stdout.write(", ".join(told[:-1]) + ".")


def _undone() -> Iterator[tuple[str, str, str]]:
    for move, outcome, reason in undo():
        yield str(move), outcome, reason


def _demand_backup(options: dict[str, Any], *, now: datetime) -> None:
    if options["backup_done"]:
        return
    if options["backup"] is None:
        raise CommandError("Make a backup first, and name it: --backup DIR (or say --backup-done).")
    try:
        made_at = datetime.fromisoformat(read_manifest(options["backup"]).made_at)
    except BackupFailure as failure:
        raise CommandError(str(failure)) from failure
    if now - made_at > BACKUP_AGE:
        raise CommandError(f"The backup in {options['backup']} is of {made_at:%Y-%m-%d %H:%M}. Make a new one first.")


def _sources(folder: Path | None, mapping: Path | None) -> list[tuple[Source | None, str]]:
    """Return what there is to move, sorted so that the pictures of a part come in their order, with names to show."""
    if folder is None or not folder.is_dir():
        raise CommandError(f"There is no folder {folder or ''}.")
    found = _mapped(folder, mapping) if mapping else _walked(folder)
    taken: dict[tuple[str, str], str] = {}
    sources: list[tuple[Source | None, str]] = []
    for path, target in sorted(found, key=lambda entry: _natural(entry[1])):
        place, _, key = target.partition("/")
        name = path.relative_to(folder).as_posix()
        if place not in destinations() or not key:
            sources.append((None, name))
        elif (place, key) in taken:
            raise CommandError(f"Both {taken[place, key]} and {name} are for {target}. Keep one of them.")
        else:
            taken[place, key] = name
            sources.append((Source(path, place, key), name))
    return sources


def _walked(folder: Path) -> Iterator[tuple[Path, str]]:
    """Give files and their places; hidden files and links are not ours to follow."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in parts):
            yield path, "/".join([*(unquote(part) for part in parts[:-1]), unquote(path.stem)])


def _mapped(folder: Path, mapping: Path) -> Iterator[tuple[Path, str]]:
    try:
        with mapping.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{mapping} cannot be read: {error}") from error
    for line, row in enumerate(rows, start=2):
        path = folder / (row.get("file") or "")
        if not row.get("file") or not row.get("target"):
            raise CommandError(f"{mapping}, line {line}: the columns are file and target.")
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise CommandError(f"{mapping}, line {line}: there is no file {row['file']!r} in {folder}.")
        yield path, row["target"]


def _natural(target: str) -> tuple[tuple[int, int, str], ...]:
    """Sort numbers as numbers: 2 before 10."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in target.split("/"))
