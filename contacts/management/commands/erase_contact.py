from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.utils import timezone

from config import erasures
from config.management.acting import ActingCommand
from contacts.erasing import Report, erase_contacts, holdings, known_ids
from contacts.models import Contact, MergeRecord


class Command(ActingCommand):
    help = (
        "Erase people: their contacts and everything that the hub holds of them, pictures and uploaded files included, "
        "for good. The erasure ledger remembers their ids, and `restore` erases them again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="*", metavar="ID", help="id of a contact, as in the address of its page")
        parser.add_argument(
            "--ledger", type=Path, metavar="FILE", help="erase again everyone this ledger names who has come back"
        )
        parser.add_argument("--yes", "--noinput", "--no-input", action="store_true", help="do not ask at a terminal")
        parser.add_argument("--json", action="store_true", help="print one JSON object, and do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        ids = self._ids(options["ids"], options["ledger"])
        if ids and not options["yes"] and not options["json"] and sys.stdin.isatty():
            self._ask(ids)
        report = erase_contacts(ids, now=timezone.now())
        answer = {
            "erased": report.contacts,
            "rows": report.rows,
            "files": report.freed.files,
            "bytes": report.freed.bytes,
            "duration_ms": round((time.monotonic() - started_at) * 1_000),
        }
        self.stdout.write(json.dumps(answer) if options["json"] else _sentence(report))
        if report.problems:
            raise CommandError("\n".join(report.problems))

    def _ids(self, texts: Sequence[str], ledger: Path | None) -> set[UUID]:
        """Return whom to erase; raises CommandError when there is anybody of whom nothing is known."""
        if not texts and ledger is None:
            raise CommandError("Say whom to erase: one or several ids, or --ledger FILE.")
        ids = {_uuid(text) for text in texts}
        unknown = ids - known_ids(ids)
        if unknown:
            raise CommandError("\n".join(f"There is no contact {pk}." for pk in sorted(unknown)))
        _refuse_merged(ids)
        if ledger is not None:
            try:
                ids |= known_ids({entry.contact_id for entry in erasures.read_file(ledger)})
            except erasures.LedgerUnreadable as error:
                raise CommandError(str(error)) from error
        return ids

    def _ask(self, ids: Collection[UUID]) -> None:
        """Raise CommandError unless the person at the terminal agrees."""
        names = Contact.objects.filter(pk__in=ids).values_list("display_name", flat=True)
        self.stderr.write("This erases for good: " + (", ".join(names[:20]) or "what was left of former contacts"))
        for title, number in holdings(ids).items():
            self.stderr.write(f"  {number:>8,} {title}")
        try:
            answer = input("Type 'yes' to erase them: ")
        except EOFError:
            answer = ""
        if answer.strip().casefold() != "yes":
            raise CommandError("Nothing was erased. (--yes erases without asking.)")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CommandError(f"{text!r} is not the id of a contact.") from None


def _refuse_merged(ids: Collection[UUID]) -> None:
    """Raise CommandError for one who lives on in another contact: it is that one who has to be erased."""
    merges = MergeRecord.objects.filter(loser_id__in=ids, undone_at=None).exclude(contact__in=ids)
    if merge := merges.order_by("-pk").first():
        raise CommandError(
            f"{merge.loser_id} was merged into {merge.contact_id}. Erase that contact, or undo the merge first."
        )


def _sentence(report: Report) -> str:
    people = "1 contact" if report.contacts == 1 else f"{report.contacts:,} contacts"
    rows = sum(report.rows.values())
    files = f"{report.freed.files:,} files with {report.freed.bytes:,} bytes"
    return f"{people} erased, with {rows:,} rows that were theirs or spoke of them, and {files}."
