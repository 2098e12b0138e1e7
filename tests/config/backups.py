"""A hub with everything in it, databases to restore it to, and the commands as processes."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.db import connection

from media_store.models import BLOB_LIMIT
from tests import database
from tests.contacts.people import make_people
from tests.factories import make_contact, make_picture, make_user

LARGE = {"o1/videos/a.bin": b"a" * BLOB_LIMIT, "o1/videos/\u00fc b.bin": os.urandom(BLOB_LIMIT + 7)}


@dataclass(frozen=True)
class Hub:
    """Where a hub is: its database and the folder of its large files."""

    url: str
    media: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "DATABASE_URL": self.url, "MEDIA_DIR": str(self.media)}
        command = [sys.executable, str(Path(settings.BASE_DIR, "manage.py")), *words]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a command; return exit code, output and errors."""
        child = self.start(*words)
        out, error = child.communicate(timeout=120)
        return child.returncode, out, error

    def rows(self) -> dict[str, list[str]]:
        """Return all rows of all tables as text, but for the cache and the journal's entries about backups."""
        found: dict[str, list[str]] = {}
        with psycopg.connect(self.url) as server:
            query = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
            for (name,) in server.execute(query).fetchall():
                if name != "django_cache":
                    besides = "where verb not in ('backed_up', 'restored')" if name == "config_auditevent" else ""
                    rows = server.execute(f'select t::text from "{name}" t {besides}')
                    found[name] = sorted(text for (text,) in rows)
        return found

    def files(self) -> dict[str, bytes]:
        paths = [path for path in self.media.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.media)): path.read_bytes() for path in paths}


def this_hub() -> Hub:
    return Hub(database.url(), Path(settings.MEDIA_DIR))


def fill(people: int = 60) -> User:
    """Put contacts, pictures in the database and large files in the tier."""
    owner = make_user("owner")
    make_people(owner, people, seed=11)
    for number in range(5):
        make_picture(make_contact(owner, f"Pictured {number}"))
    for name, content in LARGE.items():
        storages["files"].delete(name)  # an earlier test's, whose row is gone
        default_storage.save(name, ContentFile(content))
    return owner


@contextlib.contextmanager
def empty_hub(folder: Path) -> Iterator[Hub]:
    """Make a database without tables, and a folder for files; the database goes at the end."""
    name, own = f"kith_restore_{secrets.token_hex(4)}", str(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f'create database "{name}" template template0')
    try:
        yield Hub(database.url().replace(f"/{own}", f"/{name}"), folder)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'drop database if exists "{name}" with (force)')


def one_value(url: str, query: Any) -> Any:
    with psycopg.connect(url) as server:
        cursor = server.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None
