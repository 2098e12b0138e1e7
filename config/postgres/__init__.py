"""The embedded PostgreSQL: a real server of this checkout's own, for when DATABASE_URL is empty.

layout      where its files are, and the account that it runs as
binaries    which PostgreSQL programs to run
cluster     make a new data folder
server      start, stop, look
users       who is using it, so that the last owner command stops it
base        Django's database backend that starts it at the first connection (an ENGINE, hence the name)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url

from config.postgres.layout import DATABASE, Layout

ENGINE = "config.postgres"


def django_database(url: str, *, base_dir: Path) -> dict[str, Any]:
    """Return Django's DATABASES entry for `url`, or for the embedded server of this checkout when it is empty.

    Only computes: nothing is started or written. The password is read by libpq from `passfile` when it connects,
    because it does not exist before the first start.
    """
    if url:
        return dict(dj_database_url.parse(url))
    return embedded_database(Layout.of(base_dir))


def embedded_database(layout: Layout) -> dict[str, Any]:
    """Return Django's DATABASES entry for the server at `layout`, with a backend that starts it when needed."""
    return {
        "ENGINE": ENGINE,
        "NAME": DATABASE,
        "USER": DATABASE,
        "PASSWORD": "",
        "HOST": str(layout.sockets),
        "PORT": "",
        "OPTIONS": {"passfile": str(layout.passfile)},
        "LAYOUT": layout,
    }
