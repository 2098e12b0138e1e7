"""Accounts at the stand-ins, connected without a browser."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from imports.accounts import grants, holding, oauth
from imports.models import ProviderAccount
from tests.providers.google import CONTACTS, USERINFO_EMAIL, GoogleStandIn
from tests.providers.oauth import OAuthStandIn

GOOGLE_SCOPES = (CONTACTS, USERINFO_EMAIL)
MICROSOFT_SCOPES = ("User.Read", "Contacts.Read")


def make_account(
    owner: User,
    stand_in: OAuthStandIn | None = None,
    *,
    scopes: tuple[str, ...] = (),
    expires_at: datetime | None = None,
    **fields: Any,
) -> ProviderAccount:
    """Make an account that `stand_in` has granted access to; without one its tokens are worth nothing.

    Its access token is good for an hour by our clock, or until `expires_at`.
    """
    is_google = stand_in is None or isinstance(stand_in, GoogleStandIn)
    scopes = scopes or (GOOGLE_SCOPES if is_google else MICROSOFT_SCOPES)
    address = fields.get("address") or (stand_in.accounts[0] if stand_in else "mara@example.com")
    account = ProviderAccount(
        owner=owner,
        **{
            "provider": "google" if is_google else "microsoft",
            "address": address,
            "external_id": f"id of {address}",
            "scopes": list(scopes),
            "expires_at": expires_at or timezone.now() + timedelta(hours=1),
            **fields,
        },
    )
    answer = stand_in.granted(*scopes, account=address) if stand_in else {"access_token": "a", "refresh_token": "r"}
    account.sealed_tokens = account.seal_tokens({name: answer[name] for name in ("access_token", "refresh_token")})
    account.save()
    return account


def make_old(account: ProviderAccount) -> None:
    """Let the account's access token be old by our clock."""
    ProviderAccount.objects.filter(pk=account.pk).update(expires_at=timezone.now() - timedelta(minutes=1))


def sign_in_again(account: ProviderAccount, stand_in: OAuthStandIn) -> oauth.Tokens:
    """Write what imports.accounts.signing_in does when a person signs in to a known account; return the new tokens."""
    answer = stand_in.granted(*account.scopes, account=account.address)
    tokens = oauth.Tokens(answer["access_token"], answer["refresh_token"], 3599, tuple(account.scopes))
    columns = grants.columns(account, tokens, kept={}, now=timezone.now())
    with transaction.atomic():
        ProviderAccount.objects.filter(pk=account.pk).update(**columns)
        holding.release(account.pk)
    return tokens
