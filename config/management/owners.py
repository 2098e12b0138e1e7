"""The user that a command names with --owner."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.management.base import CommandError


def find_owner(username: str) -> User:
    """Return the user of this name; CommandError when there is none."""
    try:
        return User.objects.get_by_natural_key(username)
    except User.DoesNotExist:
        raise CommandError(f"There is no user {username!r}.") from None


def owner_id_of(username: str | None) -> int | None:
    """Return the id of the named user, None when no name was given: everybody is meant."""
    return int(find_owner(username).pk) if username else None
