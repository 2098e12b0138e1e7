"""Send the job core's few statements as PostgreSQL likes them best: prepared once for each connection.

Django's cursor writes values into the text, so every call is parsed and planned anew, which for these statements costs
more than running them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection


def fetch(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run `statement` on Django's connection, inside its transaction if there is one; return the rows."""
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, parameters, prepare=True).fetchall()
