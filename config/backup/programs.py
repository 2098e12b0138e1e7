"""pg_dump and pg_restore: the wheel's or the machine's, of a version that fits, and how they connect."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

from config.backup import BackupFailure
from config.postgres import binaries


@dataclass(frozen=True)
class Programs:
    """A folder that holds pg_dump and pg_restore, and their major version."""

    folder: Path
    major: int

    @property
    def pg_dump(self) -> str:
        return str(self.folder / "pg_dump")

    @property
    def pg_restore(self) -> str:
        return str(self.folder / "pg_restore")


def server_major() -> int:
    """Return the major version of the server that Django is connected to."""
    with connection.cursor() as cursor:
        cursor.execute("show server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def find_programs(*, oldest: int, wanted: int) -> Programs:
    """Return programs of the major version `wanted`, else of the next newer one, never older than `oldest`.

    A dump is read and written only by programs that are not older than the server that it is from.
    """
    found = sorted(_candidates(), key=lambda programs: programs.major)
    fitting = [programs for programs in found if programs.major >= max(oldest, wanted)]
    fitting = fitting or [programs for programs in found if programs.major >= oldest]
    if fitting:
        return fitting[0]
    known = f"only version {found[-1].major}" if found else "none"
    raise BackupFailure(
        f"This needs pg_dump and pg_restore of PostgreSQL {oldest} or newer, but there is {known} here. "
        f"Install the client programs of PostgreSQL {oldest} (postgresql-client-{oldest}) and try again."
    )


def run(command: Sequence[str]) -> None:
    """Run a client program on Django's database; raises BackupFailure with what it says. New files are private."""
    environment = {**os.environ, "LC_ALL": "C", "PGCLIENTENCODING": "UTF8"}
    password = connection.get_connection_params().get("password")
    if password:
        environment["PGPASSWORD"] = str(password)  # not an argument: those are for everybody to see
    done = subprocess.run(  # noqa: S603
        [*command, f"--dbname={_conninfo()}"], env=environment, umask=0o077, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupFailure(f"{Path(command[0]).name} failed:\n{done.stderr.strip()[-2_000:]}")


def _conninfo() -> str:
    """Return how Django connects, without the password, as libpq reads it."""
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()} - {"password"}
    parameters = connection.get_connection_params()
    return make_conninfo(**{name: value for name, value in parameters.items() if name in known and value is not None})


def _candidates() -> Iterator[Programs]:
    for folder in dict.fromkeys(_folders()):
        if (programs := _inspect(folder)) is not None:
            yield programs


def _folders() -> Iterator[Path]:
    bundled = binaries.bundled()
    if bundled:
        yield bundled
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).resolve().parent
    for pattern in binaries.SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern))


def _inspect(folder: Path) -> Programs | None:
    """Return the programs in `folder` if both are there and run on this machine."""
    if not (folder / "pg_restore").is_file():
        return None
    try:
        done = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\) (\d+)", done.stdout)
    return Programs(folder, int(version[1])) if version else None
