from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import File
from django.core.management.base import BaseCommand, CommandError

from config.jobs.models import HeldReason
from imports import lifecycle
from imports.lifecycle import UploadRefused
from imports.models import ImportJob, MappingPreset
from imports.planning import expected_counts
from imports.running import run_to_rest

State = ImportJob.State

OUTCOMES = ("created", "updated", "unchanged", "skipped", "invalid", "failed")
SUMS = ("total", *OUTCOMES, "photos_queued")


class Command(BaseCommand):
    help = (
        "Import vCard and CSV files, one job per file, and wait for the end. Pictures are queued, not downloaded: "
        "`run_jobs --queue photos` does that."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--owner", required=True, help="user name of whose contacts these become")
        parser.add_argument("--preview", action="store_true", help="stop before anything is written, say what would be")
        parser.add_argument("--mapping", metavar="P", help="JSON file of CSV header to field, or the name of a preset")
        parser.add_argument(
            "--overwrite", action="store_true", help="replace single values; else only blanks are filled"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        owner = _owner(options["owner"])
        mapping = _mapping(options["mapping"], owner=owner)
        self._check_readable(options["files"])
        jobs = []
        for path in options["files"]:
            jobs.append(self._start(path, owner=owner, mapping=mapping, options=options))
            run_to_rest(jobs[-1])
        reports = [_report(job, is_preview=options["preview"]) for job in jobs]
        answer = reports[0] if len(jobs) == 1 else {**_sums(reports), "jobs": reports}
        answer["duration_ms"] = round((time.monotonic() - started_at) * 1_000)
        self._write(answer, jobs, options)
        if problems := [_problem(job, is_preview=options["preview"]) for job in jobs if _has_problem(job, options)]:
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
        reports = answer.get("jobs", [answer])
        for job, report in zip(jobs, reports, strict=True):
            verb = "would be" if options["preview"] else "were"
            counts = ", ".join(f"{report[name]} {name}" for name in OUTCOMES)
            self.stdout.write(f"{job.upload_name}: {report['total']} entries; {counts} ({verb}).")
            if report["photos_queued"]:
                self.stdout.write(f"  {report['photos_queued']} pictures are queued.")


def _owner(username: str) -> AbstractBaseUser:
    users = get_user_model()
    try:
        return users.objects.get_by_natural_key(username)
    except users.DoesNotExist:
        raise CommandError(f"There is no user {username!r}.") from None


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


def _report(job: ImportJob, *, is_preview: bool) -> dict[str, Any]:
    counts = expected_counts(job) if is_preview else {name: getattr(job, name) for name in OUTCOMES}
    return {
        "job_id": job.pk,
        "state": job.state,
        "total": job.total,
        **counts,
        "photos_queued": job.photos_queued,
        "duration_ms": _milliseconds(job),
    }


def _milliseconds(job: ImportJob) -> int:
    ended_at = job.finished_at or job.next_attempt_at
    return max(0, round((ended_at - job.queued_at).total_seconds() * 1_000))


def _sums(reports: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(report[name] for report in reports) for name in SUMS}


def _has_problem(job: ImportJob, options: dict[str, Any]) -> bool:
    return job.state != (State.READY if options["preview"] else State.COMPLETED)


def _problem(job: ImportJob, *, is_preview: bool) -> str:
    reason = job.last_error or job.get_held_reason_display() or f"it is {job.get_state_display().lower()}"
    return f"{job.upload_name}: {'the preview' if is_preview else 'the import'} did not finish: {reason}"
