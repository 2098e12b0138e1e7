from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import File
from django.core.management.base import CommandError

from config.jobs.models import HeldReason
from config.management.acting import ActingCommand
from config.management.owners import find_owner
from imports import lifecycle
from imports.lifecycle import UploadRefused
from imports.management import reports
from imports.models import ImportJob, MappingPreset
from imports.running import run_to_rest


class Command(ActingCommand):
    help = (
        "Import vCard and CSV files, one job per file, and wait for the end. Pictures are queued, not downloaded: "
        "`run_jobs --queue photos` does that."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--owner", required=True, help="username of the owner of the new contacts")
        parser.add_argument("--preview", action="store_true", help="write nothing; say what would be written")
        parser.add_argument("--mapping", metavar="P", help="JSON file of CSV header to field, or the name of a preset")
        parser.add_argument(
            "--overwrite", action="store_true", help="replace single values; else only blanks are filled"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        owner = find_owner(options["owner"])
        mapping = _mapping(options["mapping"], owner=owner)
        self._check_readable(options["files"])
        jobs = []
        for path in options["files"]:
            jobs.append(self._start(path, owner=owner, mapping=mapping, options=options))
            run_to_rest(jobs[-1])
        told = [reports.report(job, is_preview=options["preview"]) for job in jobs]
        answer = told[0] if len(jobs) == 1 else {**reports.sums(told), "jobs": told}
        answer["duration_ms"] = round((time.monotonic() - started_at) * 1_000)
        self._write(answer, jobs, options)
        if problems := list(filter(None, (reports.problem(job, is_preview=options["preview"]) for job in jobs))):
            raise CommandError("\n".join(problems))

    def _check_readable(self, files: Sequence[Path]) -> None:
        for path in files:
            if not path.is_file():
                raise CommandError(f"There is no file {path}.")

    def _start(
        self, path: Path, *, owner: AbstractBaseUser, mapping: dict[str, str] | None, options: dict[str, Any]
    ) -> ImportJob:
        try:
            with path.open("rb") as file:
                job = lifecycle.start_upload(
                    owner,
                    file=File(file, name=path.name),
                    name=path.name,
                    mapping=mapping if path.suffix.lower() not in (".vcf", ".vcard") else None,
                    has_preview=options["preview"],
                    on_conflict=ImportJob.OnConflict.OVERWRITE if options["overwrite"] else "fill_blanks",
                )
        except UploadRefused as error:
            raise CommandError(f"{path}: {error}") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        if job.held_reason == HeldReason.NEEDS_MAPPING:
            lifecycle.cancel(job)
            raise CommandError(
                f"{path}: the columns are not those of a known program. Say which is which with --mapping FILE.json."
            )
        return job

    def _write(self, answer: dict[str, Any], jobs: Sequence[ImportJob], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(answer))
            return
        for job, told in zip(jobs, answer.get("jobs", [answer]), strict=True):
            self.stdout.write("\n".join(reports.lines(job, told, is_preview=options["preview"])))


def _mapping(value: str | None, *, owner: AbstractBaseUser) -> dict[str, str] | None:
    """Read the mapping of a file, or of the owner's preset of this name; a file goes before a preset."""
    if value is None:
        return None
    path = Path(value)
    if not path.exists() and (preset := MappingPreset.objects.filter(owner_id=owner.pk, name=value).first()):
        return dict(preset.mapping)
    try:
        mapping = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError:
        raise CommandError(f"{path} is not a JSON file.") from None
    if not isinstance(mapping, dict) or not all(isinstance(field, str) for field in mapping.values()):
        raise CommandError(f"{path} has to hold one JSON object of header and field.")
    return mapping
