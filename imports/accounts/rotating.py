"""Seal all tokens with the first key of FIELD_KEYS, those of accounts while workers go on renewing them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import CharField, Func, QuerySet, Value

from imports.encryption import Sealed, Unreadable, keys, seal, unseal
from imports.models import ProviderAccount, Revocation

HOLDERS: tuple[type[ProviderAccount] | type[Revocation], ...] = (ProviderAccount, Revocation)
"""The models with `sealed_tokens`, and a `binding` for them."""

BATCH = 500
MOST_PASSES = 20


@dataclass
class Rotated:
    """What a rotation did: how many secrets it sealed anew, whose no key reads, and how many each key has."""

    rotated: int = 0
    unreadable: list[UUID] = field(default_factory=list)
    by_key: dict[str, int] = field(default_factory=dict)


def rotate() -> Rotated:
    """Seal anew what another key than the first has sealed.

    Each secret is replaced only if it is still the one that was read, so one that a worker renews meanwhile is left to
    that worker and looked at again. Interrupted, it goes on with what is left when it is called again.
    """
    result = Rotated()
    for model in HOLDERS:
        _rotate_all(model, result)
    result.by_key = key_ids()
    return result


def key_ids() -> dict[str, int]:
    """Return how many secrets each key has sealed, by its id."""
    rows = [key_id for model in HOLDERS for key_id in _sealed(model).order_by().values_list("key_id", flat=True)]
    return dict(sorted(Counter(rows).items()))


def _rotate_all(model: type[ProviderAccount] | type[Revocation], result: Rotated) -> None:
    unreadable: list[Any] = []
    for _ in range(MOST_PASSES):
        left = _sealed(model).exclude(key_id=next(iter(keys()))).exclude(pk__in=unreadable)
        if not left.exists():
            break
        unreadable += [row.pk for row in left.iterator(BATCH) if not _rotate_one(row, result)]


def _rotate_one(row: ProviderAccount | Revocation, result: Rotated) -> bool:
    """Seal the row's tokens anew; False when no key reads them."""
    old = row.sealed_tokens
    try:
        text = unseal(old, bound_to=row.binding)
    except Unreadable:
        result.unreadable.append(row.account_key if isinstance(row, Revocation) else row.pk)
        return False
    rows = type(row)._default_manager.filter(pk=row.pk, sealed_tokens=old)
    result.rotated += rows.update(sealed_tokens=seal(text, bound_to=row.binding))
    return True


def _sealed(model: type[ProviderAccount] | type[Revocation]) -> QuerySet[Any]:
    """Return the rows with a secret, and the id of its key beside it."""
    key_id = Func("sealed_tokens", Value(":"), Value(2), function="split_part", output_field=CharField())
    rows: QuerySet[Any] = model._default_manager.exclude(sealed_tokens=Sealed())
    annotated: QuerySet[Any] = rows.annotate(key_id=key_id)
    return annotated
