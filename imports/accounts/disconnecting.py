"""Disconnect an account: forget the tokens, end what still has to ask, take the permission back at the provider."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import F

from config import audit
from config.jobs import at_once
from imports.accounts import holding, revoking
from imports.encryption import Sealed
from imports.models import ProviderAccount, Revocation

State = ProviderAccount.State


class Permission(StrEnum):
    """What became of the permission at the provider."""

    REVOKED = "revoked"
    SHARED = "shared"
    """It stays for another account here: the provider knows only one permission for each of its users."""
    LATER = "later"
    """The provider could not be reached; it is tried again."""
    BY_HAND = "by_hand"
    """The provider has no address for it: only the person can do it, on its own page."""


def disconnect(account: ProviderAccount, *, now: datetime) -> Permission | None:
    """Forget the account's tokens; what was imported stays. Call it outside of transactions.

    None: somebody else has disconnected it just now.
    """
    with transaction.atomic():
        account = ProviderAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        if account.state == State.DISCONNECTED:
            return None
        revocation = revoking.note(account)
        is_ours = revocation is not None and at_once.lease(revocation)
        _forget(account, now=now)
    if revocation is None:
        return Permission.BY_HAND
    if is_ours:
        at_once.run_leased(revocation)
    return _outcome(revocation)


def _forget(account: ProviderAccount, *, now: datetime) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(
        state=State.DISCONNECTED,
        sealed_tokens=Sealed(),
        expires_at=None,
        scopes=[],
        last_error="",
        paused_until=None,
        grant_version=F("grant_version") + 1,
        refresh_lease=None,
        refresh_lease_until=None,
        disconnected_at=now,
    )
    holding.end_jobs(account.pk)
    audit.record(audit.Verb.DISCONNECTED, ProviderAccount, owner_id=account.owner_id, object_id=account.pk)


def _outcome(revocation: Revocation) -> Permission:
    if revocation.state != Revocation.State.COMPLETED:
        return Permission.LATER
    return Permission.SHARED if revocation.error_code == revoking.SHARED else Permission.REVOKED
