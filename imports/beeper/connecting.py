"""Whose Beeper is whose: a token reads one person's conversations, so an account belongs to one owner.

A person connects their own Beeper with a token that is sealed in the account's row. The token of the settings is for a
hub with one person: its account has no tokens of its own, and there is one such account at most.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import F, QuerySet

from config.jobs.failures import JobFailure
from imports.accounts.holding import release
from imports.beeper.client import Client
from imports.beeper.connection import Connection, checked_address, host_and_port
from imports.encryption import Sealed
from imports.models import ProviderAccount

BEEPER = ProviderAccount.Provider.BEEPER
State = ProviderAccount.State

ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('beeper of the settings'))"


class CannotConnect(Exception):
    """It was not connected; the message says why in one sentence."""


def connect(owner_id: int, wanted: Connection, *, now: datetime) -> ProviderAccount:
    """Store this connection as the owner's account, after Beeper has accepted the token; its held jobs go on.

    Raises CannotConnect or connection.AddressRefused, and then nothing has changed. Call it outside of transactions.
    """
    if not settings.FIELD_KEYS:
        raise CannotConnect("Tokens can only be kept with FIELD_KEYS, which `make setup` writes.")
    checked_address(wanted.base_url)
    checked_address(wanted.media_server)
    networks = _ask(wanted)
    tokens = {"access_token": wanted.access_token, "media_server": wanted.media_server}
    if wanted.media_token:
        tokens["media_token"] = wanted.media_token
    with transaction.atomic():
        account = _row(owner_id, wanted.base_url)
        _make_good(account, sealed=account.seal_tokens(tokens), networks=networks, now=now)
    return account


def settings_account(owner_id: int | None, *, now: datetime) -> ProviderAccount:
    """Return the account that stands for the token of the settings; made for `owner_id` where there is none yet.

    Without an owner the only person of this hub is meant. Raises CannotConnect.
    """
    if not settings.BEEPER_ACCESS_TOKEN:
        raise CannotConnect("BEEPER_ACCESS_TOKEN is not set, and nobody has connected a Beeper.")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(ONE_AT_A_TIME)
        known = ProviderAccount.objects.filter(provider=BEEPER, sealed_tokens="")
        account = known.exclude(state=State.DISCONNECTED).first()
        if account is not None and owner_id not in (None, account.owner_id):
            raise CannotConnect(f"The token of the settings reads the chats of {account.owner.get_username()}.")
        if account is None:
            account = _row(owner_id or _only_person(), settings.BEEPER_BASE_URL)
        if account.state != State.CONNECTED and account.cursors.get("token") != _token_mark():
            _make_good(account, sealed=Sealed(), networks=[], now=now)
    return account


def accounts_to_sync(*, owner_id: int | None = None, now: datetime) -> list[ProviderAccount]:
    """Return the accounts whose chats are read, of this owner or of everybody; [] when there are none.

    That of the settings is made here when there is nobody to ask whose it is.
    """
    has_own = _own_accounts(owner_id).exclude(sealed_tokens="").exists()
    is_claimed = _own_accounts(None).filter(sealed_tokens="").exclude(state=State.DISCONNECTED).exists()
    if settings.BEEPER_ACCESS_TOKEN and (is_claimed or not has_own):
        try:
            settings_account(owner_id, now=now)
        except CannotConnect:
            if owner_id is not None and not has_own:
                raise
    return list(_own_accounts(owner_id).filter(state=State.CONNECTED).order_by("pk"))


def _own_accounts(owner_id: int | None) -> QuerySet[ProviderAccount]:
    accounts = ProviderAccount.objects.filter(provider=BEEPER)
    return accounts if owner_id is None else accounts.filter(owner_id=owner_id)


def _ask(wanted: Connection) -> list[str]:
    """Return the networks that this Beeper is signed in to; raises CannotConnect."""
    try:
        with Client(wanted) as client:
            return sorted({str(account.get("network") or "") for account in client.accounts()} - {""})
    except JobFailure as failure:
        raise CannotConnect(str(failure)) from None


def _row(owner_id: int, base_url: str) -> ProviderAccount:
    address = host_and_port(base_url)
    account: ProviderAccount
    account, _ = ProviderAccount.objects.select_for_update().get_or_create(
        owner_id=owner_id,
        provider=BEEPER,
        external_id=base_url.rstrip("/")[:255],
        defaults={"address": address, "server": base_url.rstrip("/")[:255], "state": State.DISCONNECTED},
    )
    return account


def _make_good(account: ProviderAccount, *, sealed: Sealed, networks: list[str], now: datetime) -> None:
    account.sealed_tokens, account.state, account.last_error = sealed, State.CONNECTED, ""
    account.connected_at, account.disconnected_at = now, None
    account.cursors = {**account.cursors, "networks": networks, **({} if sealed else {"token": _token_mark()})}
    account.grant_version = F("grant_version") + 1
    account.save()
    account.refresh_from_db()
    release(account.pk)


def _only_person() -> int:
    people = list(
        get_user_model()._default_manager.filter(is_active=True, is_staff=True).values_list("pk", flat=True)[:2]
    )
    if len(people) != 1:
        raise CannotConnect("Several people use this hub: say whose chats they are with `sync chats --owner USERNAME`.")
    return int(people[0])


def _token_mark() -> str:
    """Return by what a changed token of the settings is known; it says nothing about the token."""
    text = f"{settings.SECRET_KEY}:{settings.BEEPER_ACCESS_TOKEN}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
