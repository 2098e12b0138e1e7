"""Undoing an import beside a bare DELETE of the same contacts and all that hangs on them, in one transaction.

The rival looks at nothing and reports nothing. Kith compares every value with what was written, keeps what somebody
has touched, and marks each row.
"""

from __future__ import annotations

import statistics
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.base import File
from django.db import connection, transaction

from bench.imports import write_cards
from bench.scratch import scratch_database
from config.jobs.claiming import claim
from config.jobs.draining import Budget
from contacts.models import Contact, ContactEmail, ContactPhone, ExternalIdentity
from imports import lifecycle
from imports.models import ImportJob
from imports.running import run_import_jobs

CHILDREN = (ContactEmail, ContactPhone, ExternalIdentity)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)


def run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return undone rows per second, those of the bare DELETE, and the ratio of the two: medians of the rounds."""
    rows = options["rows"]
    with scratch_database(), TemporaryDirectory() as folder:
        owner = get_user_model().objects.create_user("bench")
        path = write_cards(Path(folder, "people.vcf"), rows=rows)
        rounds = [(_undo(owner, path, rows=rows), _delete(owner, path)) for _ in range(options["rounds"])]
    return {
        "rows": rows,
        "rows_per_second": round(rows / statistics.median(ours for ours, _ in rounds)),
        "delete_rows_per_second": round(rows / statistics.median(rival for _, rival in rounds)),
        "ratio": round(statistics.median(rival / ours for ours, rival in rounds), 3),
    }


def _undo(owner: Any, path: Path, *, rows: int) -> float:
    """Import the file and undo that; return the seconds of the undo."""
    job = _import(owner, path)
    started_at = time.perf_counter()
    lifecycle.undo(job)
    _work()
    seconds = time.perf_counter() - started_at
    job.refresh_from_db()
    if job.state != ImportJob.State.UNDONE or job.reversed != rows or Contact.objects.exists():
        raise RuntimeError(f"The undo did not do what is measured: {job.state}, {job.reversed} rows reversed")
    return seconds


def _delete(owner: Any, path: Path) -> float:
    """Import the file and delete what came of it; return the seconds of the deletion."""
    _import(owner, path)
    started_at = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for model in CHILDREN:
            cursor.execute(f"delete from {model._meta.db_table} where owner_id = %s", [owner.pk])
        cursor.execute(f"delete from {Contact._meta.db_table} where owner_id = %s", [owner.pk])
    return time.perf_counter() - started_at


def _import(owner: Any, path: Path) -> ImportJob:
    with connection.cursor() as cursor:
        cursor.execute(f"truncate {ImportJob._meta.db_table}, {Contact._meta.db_table} cascade")
    with path.open("rb") as file:
        job = lifecycle.start_upload(owner, file=File(file), name=path.name, has_preview=False)
    _work()
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    return job


def _work() -> None:
    """Run the only job to its end."""
    while jobs := claim(ImportJob, limit=1):
        run_import_jobs(jobs, Budget.of(None))
