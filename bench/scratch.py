"""A database of its own for a measurement, so that nobody's data is touched."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from django.core.management import call_command
from django.db import connection, connections


def database_url(database: Mapping[str, Any], *, name: str) -> str:
    """Return the DATABASE_URL of `name` on the server of a Django DATABASES entry."""
    user = quote(str(database["USER"] or ""), safe="")
    password = f":{quote(str(database['PASSWORD']), safe='')}" if database["PASSWORD"] else ""
    host, port = quote(str(database["HOST"] or ""), safe=""), f":{database['PORT']}" if database["PORT"] else ""
    options = {key: value for key, value in database.get("OPTIONS", {}).items() if isinstance(value, str)}
    query = f"?{urlencode(options)}" if options else ""
    return f"postgres://{user}{password}@{host}{port}/{name}{query}"


@contextmanager
def scratch_database() -> Iterator[str]:
    """Create an empty, migrated database and use it in this process until the block ends, then drop it.

    Gives its DATABASE_URL, which processes started in the block inherit from the environment.
    """
    name, own = f"kith_bench_{secrets.token_hex(4)}", connection.settings_dict["NAME"]
    url = database_url(connection.settings_dict, name=name)
    before = os.environ.get("DATABASE_URL")
    _execute(f'create database "{name}"')
    try:
        switch(name)
        os.environ["DATABASE_URL"] = url
        call_command("migrate", verbosity=0)
        yield url
    finally:
        switch(own)
        os.environ.pop("DATABASE_URL") if before is None else os.environ.update(DATABASE_URL=before)
        _drop(name)


def _drop(name: str) -> None:
    """Drop the database after ending our own sessions there; not `with (force)`, which fails on an autovacuum."""
    _execute(
        f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and usename = current_user"
    )
    _execute(f'drop database if exists "{name}"')


def switch(name: str) -> None:
    """Use this database in this process from now on."""
    connections.close_all()
    connection.settings_dict["NAME"] = name


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
