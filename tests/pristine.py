"""The rows that the migrations write, brought back after each test whose transactions were real.

Django's own flush empties all tables and leaves them empty, without stages, profiles and the group of members, and it
takes ten times as long: TRUNCATE makes new files for each of some eighty tables and their indexes.
"""

from __future__ import annotations

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

# All tables, and whether a trigger watches over the deletion of rows: those that refuse it are truncated.
TABLES = """
select c.oid::regclass::text, exists (
    select from pg_trigger where tgrelid = c.oid and not tgisinternal and tgtype & 10 = 10
) from pg_class c where relkind = 'r' and relnamespace = current_schema()::regnamespace order by 1
"""
DIGEST = "(select coalesce(md5(string_agg(t::text, e'\\n' order by t::text)), '') from {table} t)"


class Pristine:
    """What is in the tables of this connection's database now; `restore` makes it so again."""

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}
        with connection.cursor() as cursor:
            cursor.execute(TABLES)
            self._is_append_only: dict[str, bool] = dict(cursor.fetchall())
            for table in self._is_append_only:
                with cursor.copy(f"copy {table} to stdout") as copy:
                    if rows := b"".join(copy):
                        self._rows[table] = rows
            self._difference = " union all ".join([self._look_at(cursor, table) for table in self._is_append_only])
        self._lock = f"lock table {', '.join(self._is_append_only)} in share mode"

    def restore(self) -> None:
        """Take out what has been added since and put back what has changed, in all tables; sequences go on.

        Waits for the transactions of others who are still writing, as a TRUNCATE does.
        """
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(self._lock)
            cursor.execute(self._difference)
            changed = [table for (table,) in cursor.fetchall()]
            for table in changed:
                cursor.execute(f"truncate {table}" if self._is_append_only[table] else f"delete from {table}")
            for table in self._rows.keys() & changed:
                with cursor.copy(f"copy {table} from stdin") as copy:
                    copy.write(self._rows[table])

    def _look_at(self, cursor: CursorWrapper, table: str) -> str:
        """Return SQL that gives the table's name when its rows are others than now."""
        if table not in self._rows:
            return f"select '{table}' where exists (select from {table})"
        digest = DIGEST.format(table=table)
        cursor.execute(f"select {digest}")
        return f"select '{table}' where {digest} <> '{cursor.fetchone()[0]}'"
