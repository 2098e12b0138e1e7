"""File imports beside COPY: the same rows, preformatted, into the same tables with the same indexes and keys.

The rival gets contacts, e-mails, phones, identities and import rows with their outcomes as text that PostgreSQL only
has to read, in one transaction.
Kith starts from the reviewed plan (`rows_per_second`) or from the file (`end_to_end`).

How much more memory a large file takes than one of 10,000 people is measured on processes of their own, for vCard and
CSV; `rss_growth_mb` is the larger of the two.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import psutil
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.base import File
from django.db import connection, transaction

from bench.scratch import scratch_database
from config.jobs.claiming import claim
from config.jobs.draining import Budget
from contacts.models import Contact, ContactEmail, ContactPhone, ExternalIdentity
from imports import lifecycle
from imports.models import ImportJob, ImportRow
from imports.running import run_import_jobs

TABLES = [model._meta.db_table for model in (Contact, ContactEmail, ContactPhone, ExternalIdentity, ImportRow)]
BLOCK = 1 << 18
RATIOS = ("ratio", "update_ratio", "end_to_end_ratio")

CARD = """BEGIN:VCARD\r
VERSION:3.0\r
UID:{uid}\r
N:Family{number:07d};Given{number};;;\r
FN:Given{number} Family{number:07d}\r
TITLE:{title}\r
EMAIL;TYPE=INTERNET;TYPE=HOME:person{number}@example.com\r
TEL;TYPE=CELL:+1 202 {exchange} {line:04d}\r
END:VCARD\r
"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-rows", type=int, default=1_000_000, help="0 leaves the memory growth out")


def run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return rows per second and their ratios to COPY, and the growth of resident memory in MB."""
    rows = options["rows"]
    with scratch_database(), TemporaryDirectory() as folder:
        owner = get_user_model().objects.create_user("bench")
        path = write_cards(Path(folder, "people.vcf"), rows=rows)
        changed = write_cards(Path(folder, "changed.vcf"), rows=rows, title="Director")
        rounds = [_round(owner, path, changed, Path(folder)) for _ in range(options["rounds"])]
        median = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
        growth = _memory_growth(Path(folder), rows=options["memory_rows"]) if options["memory_rows"] else {}
    return {
        "rows": rows,
        "rows_per_second": round(rows / median["execution"]),
        "copy_rows_per_second": round(rows / median["copy"]),
        **{name: round(median[name], 3) for name in RATIOS},
        "rss_growth_mb": max(growth.values(), default=0.0),
        "memory": growth,
        "seconds": {name: round(value, 2) for name, value in median.items() if name not in RATIOS},
    }


def write_cards(path: Path, *, rows: int, title: str = "Engineer") -> Path:
    """Write a vCard file of this many different people; identities in no order, as programs make them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for number in range(rows):
            uid = f"{number * 2_654_435_761 % 4_294_967_296:08x}-{number:07d}"
            exchange, line = 200 + number // 10_000 % 800, number % 10_000
            file.write(CARD.format(uid=uid, number=number, title=title, exchange=exchange, line=line))
    return path


def _round(owner: Any, path: Path, changed: Path, folder: Path) -> dict[str, float]:
    _empty()
    created = _import(owner, path, on_conflict="fill_blanks", expected="created")
    dumps = [_dump(table, folder) for table in TABLES]
    copy = _copy(dumps)
    updated = _import(owner, changed, on_conflict="overwrite", expected="updated")
    return {
        **created,
        "updates": updated["execution"],
        "update_planning": updated["planning"],
        "copy": copy,
        "ratio": copy / created["execution"],
        "update_ratio": copy / updated["execution"],
        "end_to_end_ratio": copy / created["end_to_end"],
    }


def _import(owner: Any, path: Path, *, on_conflict: str, expected: str) -> dict[str, float]:
    """Import the file step by step; return the seconds of each and of all."""
    started_at = time.perf_counter()
    with path.open("rb") as file:
        job = lifecycle.start_upload(owner, file=File(file), name=path.name, on_conflict=on_conflict)
    marks = [time.perf_counter()]
    for _ in ("fetching", "planning"):
        _step()
        marks.append(time.perf_counter())
    lifecycle.confirm(job)
    marks.append(time.perf_counter())
    _step()
    marks.append(time.perf_counter())
    job.refresh_from_db()
    if job.state != ImportJob.State.COMPLETED or getattr(job, expected) != job.total:
        raise RuntimeError(f"The import did not do what is measured: {job.state}, {job.last_error}")
    return {
        "fetching": marks[1] - marks[0],
        "planning": marks[2] - marks[1],
        "execution": marks[4] - marks[3],
        "end_to_end": marks[4] - started_at,
    }


def _step() -> None:
    """Run one step of the only job."""
    run_import_jobs(claim(ImportJob, limit=1), Budget.of(None))


def _empty(tables: Sequence[str] = TABLES) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"truncate {', '.join(tables)} cascade")
        cursor.execute("vacuum")


def _dump(table: str, folder: Path) -> tuple[str, Path]:
    path = folder / table
    with connection.cursor() as cursor, path.open("wb") as file, cursor.copy(f"copy {table} to stdout") as copy:
        for block in copy:
            file.write(block)
    return table, path


def _copy(dumps: list[tuple[str, Path]]) -> float:
    """Load the dumped rows by COPY in one transaction; return the seconds."""
    _empty([table for table, _ in dumps])
    started_at = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for table, path in dumps:
            with cursor.copy(f"copy {table} from stdin") as copy:
                for block in _blocks(path):
                    copy.write(block)
    return time.perf_counter() - started_at


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def write_table(path: Path, *, rows: int) -> Path:
    """Write this many different people as Google's CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("First Name,Last Name,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value\r\n")
        for number in range(rows):
            phone = f"+1 202 {200 + number // 10_000 % 800} {number % 10_000:04d}"
            file.write(f"Given{number},Family{number:07d},Home,person{number}@example.com,Mobile,{phone}\r\n")
    return path


def _memory_growth(folder: Path, *, rows: int) -> dict[str, float]:
    """Return, by kind of file, by how many MB importing `rows` people peaks above importing 10,000."""
    kinds = {"vcard": (write_cards, folder / "memory.vcf"), "csv": (write_table, folder / "memory.csv")}
    growth: dict[str, float] = {}
    for kind, (write, path) in kinds.items():
        few, many = (_peak_mb(write(path, rows=number), rows=number) for number in (10_000, rows))
        growth[kind] = round(many - few, 1)
    return growth


def _peak_mb(path: Path, *, rows: int) -> float:
    """Import the file in a process of its own; return the peak of its resident memory."""
    _empty()
    command = [sys.executable, str(Path(settings.BASE_DIR, "manage.py")), "import_contacts", str(path)]
    environment = {**os.environ, "DEBUG": "false", "IMPORT_MAX_BYTES": "1000000000"}
    with (
        TemporaryFile() as complaints,
        subprocess.Popen(
            [*command, "--owner", "bench", "--json"], stdout=subprocess.PIPE, stderr=complaints, env=environment
        ) as process,
    ):
        peak = _watch(process)
        answer, _ = process.communicate()
        complaints.seek(0)
        if process.returncode or json.loads(answer)["created"] != rows:
            said = answer.decode() or complaints.read().decode(errors="replace")[-2_000:]
            raise RuntimeError(f"The import of {rows:,} rows failed: {said}")
    return peak / 1_000_000


def _watch(process: subprocess.Popen[bytes]) -> int:
    """Return the most bytes that the process ever held. Not ru_maxrss: that begins with what we had when it forked."""
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    return peak
