"""Exports beside COPY TO of the same tables, and a backup and restore of contacts with pictures.

The rival writes the rows of contacts, e-mails, phones, identities and links as text, which is all that it has to do;
Kith makes vCards and CSV of them. Memory is the peak of a process of its own, beside that for 10,000 contacts. The
rivals of backup and restore are pg_dump and pg_restore alone, with the same options; Kith also digests every row.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.base import File
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from bench.imports import write_cards
from bench.scratch import scratch_database
from config.backup import programs
from config.backup.restoring import restore_backup
from config.backup.writing import DUMP_OPTIONS, make_backup
from config.jobs.draining import drain
from contacts.exporting.writing import Export, Form
from contacts.models import (
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ContactPicture,
    ExternalIdentity,
    Organization,
)
from imports import lifecycle
from media_store.models import Blob, PhotoJob, StoredFile

MODELS = (Contact, ContactEmail, ContactPhone, ContactAddress, ContactLink, ExternalIdentity, Organization)
FEW = 10_000
FORMS: tuple[Form, ...] = get_args(Form)

# Pictures that compress as badly as real ones, of their usual size.
PICTURES = f"""
    with made as (
        select contact.id, contact.owner_id, row_number() over (order by contact.id) as number,
               decode(string_agg(md5(contact.id::text || part), ''), 'hex') as data
        from {Contact._meta.db_table} contact, generate_series(1, 900) part
        where contact.owner_id = %(owner)s group by contact.id
    ), blobs as (
        insert into {Blob._meta.db_table} (sha256, data, size, content_type)
        select encode(sha256(data), 'hex'), data, length(data), 'image/webp' from made
    ), files as (
        insert into {StoredFile._meta.db_table} (name, blob_id, size, sha256, content_type)
        select 'o/' || number, encode(sha256(data), 'hex'), length(data), encode(sha256(data), 'hex'), 'image/webp'
        from made
    ), jobs as (
        insert into {PhotoJob._meta.db_table} (id, owner_id, state, file, sha256, source_kind, priority)
        select number, owner_id, 'completed', 'o/' || number, encode(sha256(data), 'hex'), 'url', 5 from made
    )
    insert into {ContactPicture._meta.db_table} (owner_id, contact_id, source, photo_job_id)
    select owner_id, id, 'vcard', number from made
"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-contacts", type=int, default=300_000, help="0 leaves the memory growth out")
    parser.add_argument("--pictures", type=int, default=10_000, help="contacts with pictures in backup and restore")


def run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return contacts per second and ratios to COPY, memory growth in MB, and seconds of backup and restore."""
    contacts = options["contacts"]
    with scratch_database(), TemporaryDirectory() as folder:
        username = _import(Path(folder), "bench", contacts)
        rounds = [_round(username) for _ in range(options["rounds"])]
        seconds = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
        growth = _memory_growth(Path(folder), options["memory_contacts"]) if options["memory_contacts"] else 0.0
    return {
        "contacts": contacts,
        "copy_contacts_per_second": round(contacts / seconds["copy"]),
        **{f"{form}_per_second": round(contacts / seconds[form]) for form in FORMS},
        **{f"{form}_ratio": round(seconds["copy"] / seconds[form], 3) for form in FORMS},
        "memory_contacts": options["memory_contacts"],
        "rss_growth_mb": round(growth, 1),
        **_back_up_and_restore(options["pictures"]),
    }


def _import(folder: Path, username: str, contacts: int) -> str:
    """Make contacts by importing a file; return whose they are."""
    owner = get_user_model().objects.create_user(username)
    path = write_cards(folder / f"{username}.vcf", rows=contacts)
    with path.open("rb") as file:
        lifecycle.start_upload(owner, file=File(file), name=path.name, has_preview=False)
    drain("imports", seconds=None, is_ringing=False)
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    return username


def _round(username: str) -> dict[str, float]:
    owner = get_user_model().objects.get_by_natural_key(username)
    seconds = {"copy": _copy(owner.pk)}
    for form in FORMS:
        started_at = time.perf_counter()
        for _ in Export(Contact.objects.filter(owner=owner), form):
            pass
        seconds[form] = time.perf_counter() - started_at
    return seconds


def _copy(owner_id: int) -> float:
    started_at = time.perf_counter()
    with connection.cursor() as cursor:
        for model in MODELS:
            table = model._meta.db_table
            with cursor.copy(f"copy (select * from {table} where owner_id = {owner_id:d}) to stdout") as copy:
                for _ in copy:
                    pass
    return time.perf_counter() - started_at


def _memory_growth(folder: Path, contacts: int) -> float:
    """Return by how many MB the peak of exporting so many contacts is above that of 10,000."""
    few, many = _import(folder, "few", FEW), _import(folder, "many", contacts)
    return _peak_mb(many, folder) - _peak_mb(few, folder)


def _peak_mb(username: str, folder: Path) -> float:
    command = [sys.executable, str(Path(settings.BASE_DIR, "manage.py")), "export_contacts", "--format", "vcard"]
    command += ["--owner", username, "--output", str(folder / "memory.vcf"), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "DEBUG": "false"})
    answer = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not json.loads(answer)["contacts"]:
        raise RuntimeError("The export failed.")
    return usage.ru_maxrss / 1024


def _back_up_and_restore(contacts: int) -> dict[str, float]:
    """Back up a hub of contacts with pictures and restore it, row by row checked, into another database."""
    with (
        TemporaryDirectory() as folder,
        override_settings(MEDIA_DIR=Path(folder, "media"), ERASURE_LEDGER=Path(folder, "erasures.jsonl")),
    ):
        with scratch_database():
            _import(Path(folder), "bench", contacts)
            with connection.cursor() as cursor:
                cursor.execute(PICTURES, {"owner": get_user_model().objects.get_by_natural_key("bench").pk})
            started_at = time.perf_counter()
            manifest = make_backup(Path(folder, "backup"))
            backed_up = time.perf_counter() - started_at
            dumped = _timed("pg_dump", *DUMP_OPTIONS, f"--file={folder}/bare")
            with_pictures = Export(Contact.objects.all(), "vcard-3.0")
            started_at = time.perf_counter()
            size = sum(map(len, with_pictures))
            exported = time.perf_counter() - started_at
        with scratch_database():
            call_command("flush", interactive=False, verbosity=0)
            started_at = time.perf_counter()
            restore_backup(Path(folder, "backup"), now=timezone.now())
            restored = time.perf_counter() - started_at
        with scratch_database():
            connection.close()
            loaded = _timed(
                "pg_restore", "--single-transaction", "--clean", "--if-exists", "--no-owner", f"{folder}/bare"
            )
    return {
        "pictures": contacts,
        "picture_export_per_second": round(contacts / exported),
        "picture_export_mb": round(size / 1e6, 1),
        "backup_seconds": round(backed_up, 2),
        "pg_dump_seconds": round(dumped, 2),
        "backup_ratio": round(dumped / backed_up, 3),
        "restore_seconds": round(restored, 2),
        "pg_restore_seconds": round(loaded, 2),
        "restore_ratio": round(loaded / restored, 3),
        "backup_mb": round(manifest.dump.size / 1e6, 1),
    }


def _timed(program: str, *options: str) -> float:
    """Run pg_dump or pg_restore on the database at hand; return the seconds."""
    tools = programs.find_programs(oldest=programs.server_major(), wanted=programs.server_major())
    started_at = time.perf_counter()
    programs.run([str(tools.folder / program), *options])
    return time.perf_counter() - started_at
