"""System checks: what the settings allow one by one but must not be together, each with an id and a hint."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

from config.env import SECRET_KEY_LENGTH, is_loopback

LARGEST_PHOTO_BATCH = 50
PLACEHOLDERS = ("change", "insecure", "example", "secret-key", "dev-only")


@checks.register
def no_connection_pool(**_options: Any) -> list[checks.CheckMessage]:
    """psycopg's pool does not survive the forks of django-q2: its workers would share sockets (django-q2 #209)."""
    return [
        checks.Error(
            f"The database {alias!r} uses a connection pool, which breaks the background workers.",
            hint="Remove `pool` from DATABASE_URL or from OPTIONS.",
            id="kith.E001",
        )
        for alias, database in settings.DATABASES.items()
        if database.get("OPTIONS", {}).get("pool")
    ]


@checks.register
def retry_outlasts_timeout(**_options: Any) -> list[checks.CheckMessage]:
    """django-q2 counts `retry` from the moment a task is fetched, so all that is fetched before it must fit in."""
    return [
        checks.Error(
            f"Q_CLUSTER of {name!r}: retry is {cluster['retry']} s, must be over {needed} s, or tasks run twice.",
            hint="Raise `retry`, or lower `timeout`, `queue_limit` or `bulk`.",
            id="kith.E002",
        )
        for name, cluster in _clusters(settings.Q_CLUSTER)
        if cluster["retry"] <= (needed := _least_retry(cluster))
    ]


@checks.register(checks.Tags.security)
def strong_secret_key(**_options: Any) -> list[checks.CheckMessage]:
    key = settings.SECRET_KEY
    is_placeholder = not settings.DEBUG and any(word in key.lower() for word in PLACEHOLDERS)
    if len(key) >= SECRET_KEY_LENGTH and not is_placeholder:
        return []
    return [
        checks.Error(
            "SECRET_KEY is too short or a placeholder: sessions and queued tasks could be forged.",
            hint="Remove the line from .env and run `make setup`, which makes a random one.",
            id="kith.E003",
        )
    ]


@checks.register
def photo_batch_is_small(**_options: Any) -> list[checks.CheckMessage]:
    if settings.PHOTO_BATCH_SIZE <= LARGEST_PHOTO_BATCH:
        return []
    return [
        checks.Error(
            f"PHOTO_BATCH_SIZE is {settings.PHOTO_BATCH_SIZE}; more than {LARGEST_PHOTO_BATCH} outlast their leases.",
            hint=f"Set it to {LARGEST_PHOTO_BATCH} or less; 10 is the default.",
            id="kith.E004",
        )
    ]


@checks.register
def media_folder_is_writable(**_options: Any) -> list[checks.CheckMessage]:
    folder = Path(settings.MEDIA_DIR)
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return []
    return [
        checks.Error(
            f"Large files cannot be stored: {existing} is not a folder that this user may write to.",
            hint="Set MEDIA_DIR to a folder of this user, or change the folder's owner.",
            id="kith.E005",
        )
    ]


@checks.register(checks.Tags.security)
def plain_http_stays_here(**_options: Any) -> list[checks.CheckMessage]:
    parts = urlsplit(settings.BASE_URL)
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return []
    return [
        checks.Error(
            f"BASE_URL is {settings.BASE_URL}: passwords and cookies would cross the network in plain text.",
            hint="Serve it by https and set BASE_URL to that address.",
            id="kith.E006",
        )
    ]


def _clusters(cluster: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield cluster["name"], cluster
    for name, changes in cluster.get("ALT_CLUSTERS", {}).items():
        yield name, {**cluster, **changes}


def _least_retry(cluster: Mapping[str, Any]) -> int:
    """Return the seconds that `retry` must exceed: the full time of every task fetched earlier, and a margin."""
    rounds = ceil((cluster["queue_limit"] + cluster["bulk"]) / cluster["workers"]) + 1
    return int(rounds * (cluster["timeout"] + 3) + 60)
