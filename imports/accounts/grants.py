"""A valid access token of an account, however many ask for it at once.

Whoever finds the token old takes a lease on the account by one conditional update, asks the provider outside of any
transaction, and stores the answer only while nobody else has stored another: `grant_version` is the fence. The others
wait for the new version. A lease that its holder did not live to end expires by itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from config.jobs.failures import FIRST_BACKOFF, MAX_RETRY_AFTER, PermissionFailure, TemporaryFailure
from imports.accounts import holding, oauth
from imports.accounts.providers import PROVIDERS, OAuthProvider
from imports.encryption import Unreadable
from imports.models import ProviderAccount

log = structlog.get_logger(__name__)

LEEWAY = timedelta(seconds=120)
LEASE = timedelta(seconds=30)  # well over the 10 seconds that one request may take
WAIT_SECONDS = 35.0
FIRST_LOOK, LONGEST_LOOK = 0.02, 0.5

State = ProviderAccount.State

TESTING_MODE = (
    " If that happens every week: an app in Google's Testing mode loses its access after 7 days. Publish it in the "
    "Google console (OAuth consent screen)."
)
UNREADABLE = "The stored access cannot be decrypted with FIELD_KEYS any more. Sign in again to renew it."


@dataclass(frozen=True, repr=False)
class Grant:
    """What is stored of one account's permission."""

    account: ProviderAccount
    tokens: dict[str, Any]

    @property
    def access_token(self) -> str:
        return str(self.tokens.get("access_token", ""))

    @property
    def version(self) -> int:
        return self.account.grant_version

    def is_fresh(self, now: datetime) -> bool:
        expires_at = self.account.expires_at
        return bool(self.access_token) and expires_at is not None and expires_at - LEEWAY > now


def access_token(account_id: UUID, *, now: datetime, rejected: str = "") -> str:
    """Return an access token that the provider should accept; `rejected` is one that it has just refused.

    Renews an old one, one caller for all; call it outside of transactions. Raises PermissionFailure when the account
    must be reconnected, TemporaryFailure when the provider has asked us to wait or cannot be reached.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    pause, before = FIRST_LOOK, None
    while True:
        grant = _read(account_id, now=now)
        before = before or grant.version
        is_new = grant.version != before  # taken however short its life is: it has just been made
        if grant.access_token != rejected and (is_new or grant.is_fresh(now)):
            return grant.access_token
        lease = _take_lease(grant)
        if lease is not None:
            renewed = _renew(grant, lease, now=now)
            if renewed:
                return renewed
        if time.monotonic() > deadline:
            raise TemporaryFailure("Another process is renewing the access and does not end.", code="refresh_busy")
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_LOOK)


def pause(account_id: UUID, *, until: datetime) -> None:
    """Let nobody call the provider for this account before `until`; a longer pause that is set already stays."""
    rows = ProviderAccount.objects.filter(Q(paused_until=None) | Q(paused_until__lt=until), pk=account_id)
    rows.update(paused_until=until)


def columns(
    account: ProviderAccount, tokens: oauth.Tokens, *, kept: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Return the columns of an account that has just got `tokens`; `kept` are those it had."""
    return {
        "sealed_tokens": account.seal_tokens(tokens.merged_into(kept)),
        "expires_at": now + timedelta(seconds=tokens.expires_in),
        "scopes": sorted(tokens.scopes) or account.scopes,
        "state": State.CONNECTED,
        "last_error": "",
        "grant_version": F("grant_version") + 1,
        "refresh_lease": None,
        "refresh_lease_until": None,
    }


def _store(grant: Grant, tokens: oauth.Tokens, *, now: datetime) -> bool:
    """Write renewed tokens unless the account was disconnected or has got others since; say whether it was done.

    An account that another process gave up in the meantime is connected again, and its jobs go on.
    """
    with transaction.atomic(durable=True):
        rows = ProviderAccount.objects.filter(pk=grant.account.pk, grant_version=grant.version)
        renewed = columns(grant.account, tokens, kept=grant.tokens, now=now)
        is_written = bool(rows.exclude(state=State.DISCONNECTED).update(**renewed))
        if is_written:
            holding.release(grant.account.pk)
    return is_written


def _read(account_id: UUID, *, now: datetime) -> Grant:
    account = ProviderAccount.objects.get(pk=account_id)
    if account.state == State.DISCONNECTED:
        raise PermissionFailure(f"{account} is disconnected.", code="disconnected")
    if account.state == State.NEEDS_RECONNECT:
        raise PermissionFailure(account.last_error or f"{account} must be reconnected.", code="needs_reconnect")
    if account.paused_until and account.paused_until > now:
        message = f"{account.get_provider_display()} is not asked again before {account.paused_until:%H:%M:%S} UTC."
        raise TemporaryFailure(message, code="throttled", retry_after=account.paused_until - now)
    try:
        return Grant(account, account.tokens)
    except Unreadable:
        log.warning("tokens_unreadable", account=str(account_id))
        raise _given_up(account, UNREADABLE) from None


def _take_lease(grant: Grant) -> UUID | None:
    """Take the right to renew this very version of the grant; None when somebody else has it."""
    lease = uuid4()
    is_free = Q(refresh_lease=None) | Q(refresh_lease_until__lt=Now())
    rows = ProviderAccount.objects.filter(
        is_free, pk=grant.account.pk, grant_version=grant.version, state=State.CONNECTED
    )
    return lease if rows.update(refresh_lease=lease, refresh_lease_until=Now() + LEASE) else None


def _renew(grant: Grant, lease: UUID, *, now: datetime) -> str:
    """Ask the provider for a new token and store it; empty when what is stored has changed and must be read again."""
    account, provider = grant.account, PROVIDERS[grant.account.provider]
    try:
        refresh_token = str(grant.tokens.get("refresh_token", ""))
        if not refresh_token:
            raise oauth.GrantRefused(f"{provider.label} gave no permission that lasts.")
        tokens = oauth.refresh(provider, refresh_token)
    except oauth.GrantRefused as refusal:
        return _after_refusal(grant, provider, str(refusal))
    except TemporaryFailure as failure:
        # The others that wait would ask the same in turn; a short pause answers them all.
        wait = min(failure.retry_after or FIRST_BACKOFF, MAX_RETRY_AFTER)
        _end_lease(account.pk, lease)
        pause(account.pk, until=now + wait)
        raise
    log.info("grant_renewed", account=str(account.pk), provider=provider.name)
    return tokens.access_token if _store(grant, tokens, now=now) else ""


def _after_refusal(grant: Grant, provider: OAuthProvider, refusal: str) -> str:
    """Give the account up, unless somebody else has got new tokens: then ours was merely the older one."""
    message = f"{refusal} Sign in to {provider.label} again to go on."
    if provider.name == ProviderAccount.Provider.GOOGLE:
        message += TESTING_MODE
    if holding.needs_reconnect(grant.account.pk, message, version=grant.version):
        raise PermissionFailure(message, code="needs_reconnect")
    return ""


def _given_up(account: ProviderAccount, message: str) -> PermissionFailure:
    holding.needs_reconnect(account.pk, message, version=account.grant_version)
    return PermissionFailure(message, code="needs_reconnect")


def _end_lease(account_id: UUID, lease: UUID) -> None:
    ProviderAccount.objects.filter(pk=account_id, refresh_lease=lease).update(
        refresh_lease=None, refresh_lease_until=None
    )
