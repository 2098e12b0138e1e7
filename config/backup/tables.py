"""Count and digest all rows, so that a restore can prove that every one of them is back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

# Text forms that depend on the session are fixed, so that the same row gives the same digest in any of them.
SESSION = """
    set local datestyle = 'ISO'; set local timezone = 'UTC'; set local intervalstyle = 'postgres';
    set local bytea_output = 'hex'; set local extra_float_digits = 1
"""
# The sum does not depend on the order of the rows, and md5 is the same in every version of PostgreSQL.
DIGEST = "select count(*), coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text from {} t"


@dataclass(frozen=True)
class Digest:
    """The number of rows of a table, and a checksum over all their values."""

    rows: int
    checksum: str


def own_tables() -> list[str]:
    """Return the names of the tables of this database, in alphabetical order, without those of caches."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
    return sorted(set(names) - cache_tables())


def cache_tables() -> set[str]:
    """Return the tables whose rows are only copies."""
    caches = settings.CACHES.values()
    return {str(cache["LOCATION"]) for cache in caches if cache["BACKEND"].endswith(".DatabaseCache")}


def digest_tables(names: Collection[str]) -> dict[str, Digest]:
    """Return count and checksum of each table; run in a transaction."""
    digests = {}
    with connection.cursor() as cursor:
        cursor.execute(SESSION)
        for name in names:
            cursor.execute(DIGEST.format(connection.ops.quote_name(name)))
            rows, checksum = cursor.fetchone()
            digests[name] = Digest(rows, checksum)
    return digests
