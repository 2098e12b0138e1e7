"""Seal the secrets of all accounts with the first key of FIELD_KEYS, while workers go on renewing them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import CharField, Func, QuerySet, Value

from imports.encryption import Sealed, Unreadable, keys, seal, unseal
from imports.models import ProviderAccount

BATCH = 500
MOST_PASSES = 20


@dataclass
class Rotated:
    """What a rotation did: how many secrets it sealed anew, which ones no key reads, and how many each key has."""

    rotated: int = 0
    unreadable: list[UUID] = field(default_factory=list)
    by_key: dict[str, int] = field(default_factory=dict)


def rotate() -> Rotated:
    """Seal anew what another key than the first has sealed.

    Each secret is replaced only if it is still the one that was read, so one that a worker renews meanwhile is left to
    that worker and looked at again. Interrupted, it goes on with what is left when it is called again.
    """
    result = Rotated()
    for _ in range(MOST_PASSES):
        left = _old().exclude(pk__in=result.unreadable)
        if not left.exists():
            break
        for account in left.only("pk", "owner_id", "provider", "sealed_tokens").iterator(BATCH):
            _rotate_one(account, result)
    result.by_key = key_ids()
    return result


def key_ids() -> dict[str, int]:
    """Return how many secrets each key has sealed, by its id."""
    rows: list[str] = list(_sealed().order_by().values_list("key_id", flat=True))
    return dict(sorted(Counter(rows).items()))


def _rotate_one(account: ProviderAccount, result: Rotated) -> None:
    old = account.sealed_tokens
    try:
        text = unseal(old, bound_to=account.binding)
    except Unreadable:
        result.unreadable.append(account.pk)
        return
    rows = ProviderAccount.objects.filter(pk=account.pk, sealed_tokens=old)
    result.rotated += rows.update(sealed_tokens=seal(text, bound_to=account.binding))


def _sealed() -> QuerySet[Any]:
    """Return the accounts with a secret, and the id of its key beside it."""
    key_id = Func("sealed_tokens", Value(":"), Value(2), function="split_part", output_field=CharField())
    rows: QuerySet[Any] = ProviderAccount.objects.exclude(sealed_tokens=Sealed())
    annotated: QuerySet[Any] = rows.annotate(key_id=key_id)
    return annotated


def _old() -> QuerySet[Any]:
    return _sealed().exclude(key_id=next(iter(keys())))
