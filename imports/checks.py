"""System checks about the keys that protect accounts. Those that read the database run with `migrate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connections

from imports.accounts.providers import PROVIDERS
from imports.accounts.rotating import HOLDERS, key_ids


@checks.register(checks.Tags.security)
def providers_have_keys(**_options: Any) -> list[checks.CheckMessage]:
    """Without a key nobody could connect, though the provider is set up."""
    set_up = [provider.label for provider in PROVIDERS.values() if provider.client_id]
    if settings.FIELD_KEYS or not set_up:
        return []
    return [
        checks.Error(
            f"{' and '.join(set_up)} can be connected, but FIELD_KEYS is empty: their access could not be encrypted.",
            hint="Set FIELD_KEYS to <id>:<base64 of 32 random bytes>; .env.example says how.",
            id="kith.E007",
        )
    ]


@checks.register(checks.Tags.database)
def stored_secrets_have_keys(*, databases: Sequence[str] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Find accounts whose key is gone, and keys that protect nothing any more."""
    if "default" not in (databases or ()) or not _has_tables():
        return []
    used, known = key_ids(), [entry.partition(":")[0] for entry in settings.FIELD_KEYS]
    lost = {key_id: count for key_id, count in used.items() if key_id not in known}
    idle = [key_id for key_id in known[1:] if key_id not in used]
    return [*([_lost(lost, is_any_left=bool(known))] if lost else []), *([_idle(idle)] if idle else [])]


def _lost(lost: Mapping[str, int], *, is_any_left: bool) -> checks.CheckMessage:
    """A warning only while there are other keys: the server has to start so that people can reconnect."""
    kind = checks.Warning if is_any_left else checks.Error
    return kind(
        f"{sum(lost.values())} accounts are encrypted with keys that are not in FIELD_KEYS: {', '.join(lost)}.",
        hint="Put the key back and run `manage.py rotate_keys`. If it is lost, set a new one and reconnect.",
        id="kith.W008" if is_any_left else "kith.E008",
    )


def _idle(idle: Sequence[str]) -> checks.CheckMessage:
    return checks.Info(
        f"Keys in FIELD_KEYS that protect nothing any more: {', '.join(idle)}.",
        hint="Remove them, unless a backup from before the last rotation may have to be restored.",
        id="kith.I009",
    )


def _has_tables() -> bool:
    """Say whether there is anything to look at: `migrate` asks before it has made the tables."""
    connection = connections["default"]
    with connection.cursor() as cursor:
        return {model._meta.db_table for model in HOLDERS} <= set(connection.introspection.table_names(cursor))
