"""Disconnect an account: take the permission back at the provider, forget the tokens, end what still has to ask."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import F

from config import audit
from imports.accounts import holding, oauth
from imports.accounts.providers import PROVIDERS
from imports.encryption import Sealed, Unreadable
from imports.models import ProviderAccount

State = ProviderAccount.State


class Permission(StrEnum):
    """What became of the permission at the provider."""

    REVOKED = "revoked"
    SHARED = "shared"
    """It stays for another account here: the provider knows only one permission for each of its users."""
    BY_HAND = "by_hand"
    """The provider has no address for it, or could not be reached: only the person can do it, on its own page."""


def disconnect(account: ProviderAccount, *, now: datetime) -> Permission:
    """Forget the account's tokens; what was imported stays. Call it outside of transactions."""
    account = ProviderAccount.objects.get(pk=account.pk)
    token = _token(account)
    with transaction.atomic():
        rows = ProviderAccount.objects.filter(pk=account.pk).exclude(state=State.DISCONNECTED)
        is_ours = rows.update(
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
        if is_ours:
            holding.end_jobs(account.pk)
            audit.record(audit.Verb.DISCONNECTED, ProviderAccount, owner_id=account.owner_id, object_id=account.pk)
    return _revoke(account, token)


def _token(account: ProviderAccount) -> str:
    try:
        return str(account.tokens.get("refresh_token") or account.tokens.get("access_token") or "")
    except Unreadable:
        return ""


def _revoke(account: ProviderAccount, token: str) -> Permission:
    provider = PROVIDERS.get(account.provider)
    same = ProviderAccount.objects.filter(provider=account.provider, external_id=account.external_id)
    if same.exclude(pk=account.pk).exclude(state=State.DISCONNECTED).exists():
        return Permission.SHARED
    is_revoked = provider is not None and bool(token) and oauth.revoke(provider, token)
    return Permission.REVOKED if is_revoked else Permission.BY_HAND
