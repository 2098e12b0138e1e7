"""The database of a test run: one cluster for all, one migrated template, one copy of it for each xdist worker."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import psutil
import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from config.postgres import ENGINE, embedded_database, users
from config.postgres.layout import Layout

PACKAGES = ("config", "media_store", "contacts", "imports", "health")


@contextlib.contextmanager
def server() -> Iterator[None]:
    """Let the tests' server run until the block ends, and Django know where it is.

    With DATABASE_URL that server is used, else a cluster for tests only, which the last of its users stops.
    """
    database = settings.DATABASES["default"]
    with contextlib.ExitStack() as stack:
        if database["ENGINE"] == ENGINE:
            layout = Layout.of(settings.BASE_DIR, is_throwaway=True)
            stack.enter_context(users.owning(layout))
            database.update(embedded_database(layout), ENGINE="django.db.backends.postgresql")
        yield


@contextlib.contextmanager
def test_database(worker: str) -> Iterator[str]:
    """Point Django at a fresh, migrated database for this worker until the block ends; gives its name.

    A killed run leaves only databases behind, which the next run with the same names replaces.
    """
    database = settings.DATABASES["default"]
    with server():
        prefix = f"test_{database['NAME']}"
        name = f"{prefix}_{worker}_{os.getppid() if worker != 'main' else os.getpid()}"
        with _maintenance(database) as maintained:
            _drop_leftovers(maintained, prefix)
            _make_template(maintained, f"{prefix}_template")
            maintained.execute(f'create database "{name}" template "{prefix}_template"')
        _use(name)
        try:
            yield name
        finally:
            connections.close_all()
            with _maintenance(database) as maintained:
                maintained.execute(f'drop database if exists "{name}" with (force)')


def url() -> str:
    """Return the test database as a DATABASE_URL, for the processes that tests start."""
    database = settings.DATABASES["default"]
    options = {name: value for name, value in database.get("OPTIONS", {}).items() if isinstance(value, str)}
    host, port = str(database["HOST"]), str(database["PORT"])
    if host.startswith("/"):
        options, host = {"host": host, **options}, ""
    login = quote(database["USER"], safe="") + (
        f":{quote(database['PASSWORD'], safe='')}" if database["PASSWORD"] else ""
    )
    address = f"{host}:{port}" if port else host
    return f"postgres://{login}@{address}/{database['NAME']}" + (f"?{urlencode(options)}" if options else "")


@contextlib.contextmanager
def _maintenance(database: dict[str, Any]) -> Iterator[psycopg.Connection[Any]]:
    """Connect to the server's `postgres` database, holding the lock of those who make and drop databases.

    Databases are made one at a time: CREATE DATABASE copies the template only while nobody else touches it.
    """
    names = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    # The folder of a socket is among the options, and wins over the empty HOST.
    place = {name: database[key] for name, key in names.items()} | database.get("OPTIONS", {})
    with psycopg.connect(dbname="postgres", autocommit=True, **place) as server:
        server.execute("select pg_advisory_lock(hashtext('kith test databases'))")
        yield server


def _drop_leftovers(server: psycopg.Connection[Any], prefix: str) -> None:
    """Drop the databases of runs that were killed: their names end with a process that is gone."""
    names = server.execute(r"select datname from pg_database where datname ~ %s", [rf"^{prefix}_(main|gw\d+)_\d+$"])
    for (name,) in names.fetchall():
        if not psutil.pid_exists(int(name.rpartition("_")[2])):
            server.execute(f'drop database if exists "{name}" with (force)')


def _make_template(server: psycopg.Connection[Any], name: str) -> None:
    """Make the migrated template anew unless the one there was made by the same code.

    KITH_TEMPLATE=kept takes any, for code that is known to have the same tables (tests/mutants).
    """
    made_by = server.execute(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", [name]
    ).fetchone()
    code = _digest_of_code()
    if made_by == (code,) or (made_by and os.environ.get("KITH_TEMPLATE") == "kept"):
        return
    server.execute(f'drop database if exists "{name}" with (force)')
    server.execute(f'create database "{name}" template template0')
    _use(name)
    call_command("migrate", verbosity=0)
    connections.close_all()
    server.execute(f"""comment on database "{name}" is '{code}'""")


def _digest_of_code() -> str:
    files = [file for package in PACKAGES for file in (settings.BASE_DIR / package).rglob("*.py")]
    files.append(settings.BASE_DIR / "requirements" / "base.txt")
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _use(name: str) -> None:
    """Make Django's connection go to the database `name`."""
    connections["default"].close()
    with contextlib.suppress(AttributeError):
        del connections["default"]
    settings.DATABASES["default"]["NAME"] = name
    connections.databases["default"]["NAME"] = name
