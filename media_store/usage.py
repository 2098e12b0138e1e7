"""How much is stored where, who has pictures, and whose a file is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import QuerySet, Sum

from media_store.models import Blob, StoredFile
from media_store.references import users_of

# The folder below the owner says what a file is: o7/photos/….webp
BY_TIER_AND_KIND = f"""
    select case when blob_id is null then 'files' else 'database' end,
           case when deleted_at is not null then '(deleted)'
                when name like '%/%/%' then split_part(name, '/', 2) else '(other)' end,
           count(*), coalesce(sum(size), 0)
    from {StoredFile._meta.db_table} group by 1, 2 order by 1, 2
"""

CONTENTS = "(contents)"

Rows = Callable[[], QuerySet[Any]]

_holders: dict[str, tuple[Rows, Rows]] = {}


def register_holder(label: str, *, all: Rows, with_picture: Rows) -> None:
    """Let the doctor say how many of a kind of thing have a stored picture; called from AppConfig.ready."""
    _holders[label] = (all, with_picture)


def coverage() -> dict[str, dict[str, int]]:
    """Return, for each kind of thing, how many there are and how many have a stored picture."""
    return {
        label: {"total": rows().count(), "with_picture": with_picture().count()}
        for label, (rows, with_picture) in _holders.items()
    }


def bytes_by_tier() -> dict[str, dict[str, dict[str, int]]]:
    """Return files and bytes by tier (database, files) and kind (the second part of the name), as files see them.

    `contents` of the database tells the bytes really kept, each content once.
    """
    tiers: dict[str, dict[str, dict[str, int]]] = {"database": {}, "files": {}}
    with connection.cursor() as cursor:
        cursor.execute(BY_TIER_AND_KIND)
        for tier, kind, count, size in cursor.fetchall():
            tiers[tier][kind] = {"files": count, "bytes": int(size)}
    contents = Blob.objects.aggregate(bytes=Sum("size", default=0))
    tiers["database"][CONTENTS] = {"files": Blob.objects.count(), "bytes": contents["bytes"]}
    return tiers


def look_up(address: str) -> dict[str, Any] | None:
    """Return whose a stored file is and what uses it, None for an unknown one.

    `address` is a name in the store or a whole address under /files/.
    """
    name = unquote(urlsplit(address).path).removeprefix("/files/") if "/files/" in address else address
    stored = StoredFile.objects.filter(name=name).first()
    if stored is None:
        return None
    owner = re.match(r"o(\d+)/", name)
    user = get_user_model().objects.filter(pk=int(owner[1])).first() if owner else None
    return {
        "name": stored.name,
        "tier": "files" if stored.blob_id is None else "database",
        "size": stored.size,
        "sha256": stored.sha256,
        "deleted": stored.deleted_at is not None,
        "owner": user.get_username() if user else None,
        "used_by": [f"{reference} of {row.pk} ({row})" for reference, row in users_of(name)],
    }
