"""The embedded PostgreSQL: where it lives, how to reach it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url


def django_database(url: str, *, base_dir: Path) -> dict[str, Any]:
    """Return Django's DATABASES entry for `url`, or for the embedded server of this checkout when it is empty."""
    return dict(dj_database_url.parse(url))
