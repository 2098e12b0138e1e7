"""Django's PostgreSQL backend, for the embedded server: it is started by the first connection that needs it.

Here and not in manage.py, so that one rule serves every way in: commands, gunicorn, workers, scripts. A command that
never connects (help, check) starts nothing, importing the settings starts nothing, and a server that was killed is
back for the next connection.
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from config.postgres import server, users
from config.postgres.layout import Layout, PostgresFailure


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the server at `settings_dict["LAYOUT"]`."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        layout: Layout = self.settings_dict["LAYOUT"]
        try:
            users.hold(layout)
            try:
                return super().get_new_connection(conn_params)
            except psycopg.OperationalError:
                server.ensure_running(layout)
                return super().get_new_connection(conn_params)
        except PostgresFailure as error:
            raise psycopg.OperationalError(str(error)) from error
