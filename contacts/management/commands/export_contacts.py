from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db.models import QuerySet

from config import audit
from config.management.acting import ActingCommand
from config.management.owners import find_owner
from contacts.acts import record_for_owners
from contacts.exporting.writing import Export, Form
from contacts.models import Contact


class Command(ActingCommand):
    help = (
        "Write contacts to a file, or to standard output, as vCards with their pictures or as CSV. Importing the file "
        "into an empty hub and exporting again gives the same file; --spreadsheet is for people to look at."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", required=True, choices=["vcard", "csv"])
        parser.add_argument("--vcard-version", choices=["3.0", "4.0"], default="3.0")
        parser.add_argument("--spreadsheet", action="store_true", help="CSV without formulas, for a spreadsheet")
        parser.add_argument("--owner", help="only the contacts of this user; else everybody's")
        parser.add_argument("--output", type=Path, metavar="FILE", help="else standard output")
        parser.add_argument("--json", action="store_true", help="print one JSON object about the file; needs --output")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        if options["json"] and options["output"] is None:
            raise CommandError("--json needs --output: standard output is for the contacts.")
        contacts = _contacts(options["owner"])
        export = Export(contacts, _form(options))
        record_for_owners(audit.Verb.EXPORTED, contacts)
        if options["output"] is None:
            self._write_out(export)
            return
        try:
            _write_file(export, options["output"])
        except OSError as error:
            raise CommandError(f"{options['output']} could not be written: {error.strerror}.") from error
        self._report(export, options, seconds=time.monotonic() - started_at)

    def _write_out(self, export: Export) -> None:
        """Write bytes, as they are, to standard output; in tests that is a text stream."""
        raw = getattr(self.stdout._out, "buffer", None)
        try:
            for chunk in export:
                if raw is None:
                    self.stdout.write(chunk.decode(), ending="")
                else:
                    raw.write(chunk)
            self.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough; Python must not complain once more when it closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _report(self, export: Export, options: dict[str, Any], *, seconds: float) -> None:
        answer = {
            "contacts": export.count,
            "bytes": export.size,
            "format": export.form,
            "output": str(options["output"]),
            "duration_ms": round(seconds * 1_000),
        }
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            word = "contact" if export.count == 1 else "contacts"
            self.stdout.write(f"{export.count:,} {word} written to {options['output']}, {export.size:,} bytes.")


def _contacts(username: str | None) -> QuerySet[Contact]:
    if username is None:
        return Contact.objects.all()
    return Contact.objects.filter(owner=find_owner(username))


def _form(options: dict[str, Any]) -> Form:
    if options["format"] == "vcard":
        if options["spreadsheet"]:
            raise CommandError("--spreadsheet is a form of CSV.")
        return "vcard-4.0" if options["vcard_version"] == "4.0" else "vcard-3.0"
    return "spreadsheet" if options["spreadsheet"] else "csv"


def _write_file(export: Export, path: Path) -> None:
    """Write beside `path` and rename at the end: an export that was interrupted never looks like a whole one."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            for chunk in export:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).rename(path)
