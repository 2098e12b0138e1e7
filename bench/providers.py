"""Imports of a Google account over HTTP, beside what the stand-in alone takes to make its answers.

Execution is measured as for files (bench/imports.py), beside COPY of all the rows that it writes; these import rows are
far larger than those of a small vCard, so the ratio without them is given too. The whole run, from
the first page to the last contact, is a ratio to the stand-in's own serving time, which no client can go below.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from bench.imports import _copy, _dump, _empty, _step
from bench.scratch import scratch_database
from contacts.models import (
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ContactPicture,
    ExternalIdentity,
    Organization,
    Tag,
)
from imports import lifecycle
from imports.accounts.importing import start_import
from imports.models import ImportJob, ImportRow, ProviderAccount
from media_store.models import PhotoJob

# All that the execution of this plan writes, as the people of the stand-in have every field.
TABLES = [
    model._meta.db_table
    for model in (
        *(Organization, Tag, Contact, Contact.tags.through, ContactEmail, ContactPhone, ContactAddress, ContactLink),
        *(ExternalIdentity, PhotoJob, ContactPicture),
    )
]
ROWS = ImportRow._meta.db_table
SCOPES = ["https://www.googleapis.com/auth/contacts.readonly", "https://www.googleapis.com/auth/userinfo.email"]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--contacts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-contacts", type=int, default=100_000, help="0 leaves the memory growth out")


def run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ratios of the execution to COPY and of the whole run to the stand-in's serving time, and the growth
    of resident memory in MB."""
    contacts = options["contacts"]
    with scratch_database(), TemporaryDirectory() as folder:
        rounds = [_round(Path(folder), contacts=contacts) for _ in range(options["rounds"])]
        median = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
        growth = _memory_growth(contacts=options["memory_contacts"]) if options["memory_contacts"] else 0.0
    return {
        "contacts": contacts,
        "execution_ratio": round(median["copy"] / median["execution"], 3),
        "execution_ratio_without_import_rows": round(median["copy_without_import_rows"] / median["execution"], 3),
        "whole_to_serving": round(median["whole"] / median["serving"], 2),
        "rss_growth_mb": round(growth, 1),
        "seconds": {name: round(value, 2) for name, value in median.items()},
    }


def _round(folder: Path, *, contacts: int) -> dict[str, float]:
    _empty([*TABLES, ROWS])
    with _google(contacts) as (google, account):
        job = start_import(account)
        marks = [time.perf_counter()]
        while job.state != ImportJob.State.READY:  # an account is asked for ten seconds at a time
            _step()
            job.refresh_from_db()
        marks.append(time.perf_counter())
        lifecycle.confirm(job)
        marks.append(time.perf_counter())
        _step()
        marks.append(time.perf_counter())
        serving = google.busy_seconds
        job.refresh_from_db()
    if job.state != ImportJob.State.COMPLETED or job.total != contacts:
        raise RuntimeError(f"The import did not do what is measured: {job.state}, {job.last_error}")
    dumps = [_dump(table, folder) for table in (*TABLES, ROWS)]
    copied, without_rows = _copy(dumps), _copy(dumps[:-1])
    reading, execution = marks[1] - marks[0], marks[3] - marks[2]
    return {
        "reading": reading,
        "execution": execution,
        "copy": copied,
        "copy_without_import_rows": without_rows,
        "whole": reading + execution,
        "serving": serving,
    }


@contextmanager
def _google(contacts: int) -> Iterator[tuple[Any, ProviderAccount]]:
    """Run the stand-in in this process's threads, connected to one account."""
    from tests.providers.google import GoogleStandIn  # of the tests: not there where only the application is installed
    from tests.providers.serving import standing

    with standing(GoogleStandIn(people=contacts, checked=False)) as google:
        settings.GOOGLE_PEOPLE_URL = google.address
        owner, _ = get_user_model().objects.get_or_create(username="bench")
        ProviderAccount.objects.all().delete()
        account = ProviderAccount(owner=owner, provider="google", address=google.accounts[0], external_id="bench")
        account.expires_at, account.scopes = timezone.now() + timedelta(hours=1), SCOPES
        granted = google.granted(*SCOPES)
        account.sealed_tokens = account.seal_tokens({name: granted[name] for name in ("access_token", "refresh_token")})
        account.save()
        yield google, account


def _memory_growth(*, contacts: int) -> float:
    """Return by how many MB the peak of a process importing `contacts` people is above that of one importing 10,000."""
    return _peak_mb(contacts) - _peak_mb(10_000)


def _peak_mb(contacts: int) -> float:
    _empty([*TABLES, ROWS])
    with _google(contacts) as (google, account):
        command = [sys.executable, str(Path(settings.BASE_DIR, "manage.py")), "import_provider", "google"]
        environment = {**os.environ, "DEBUG": "false", "GOOGLE_PEOPLE_URL": google.address}
        process = subprocess.Popen(
            [*command, "--account", str(account.pk), "--json"], stdout=subprocess.PIPE, env=environment
        )
        watched, peak = psutil.Process(process.pid), 0
        while process.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.05)
        answer, _ = process.communicate()
    if process.returncode or json.loads(answer)["total"] != contacts:
        raise RuntimeError(f"The import of {contacts:,} contacts failed.")
    return peak / 1_000_000
