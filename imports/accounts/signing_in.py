"""From a button here over the provider's consent page back to an account.

What a sign-in is for waits in the login session under a random state, used once and within ten minutes by the same
person; the code is traded with PKCE, and the provider is asked whose account it is.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from authlib.integrations.requests_client import OAuth2Session
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.db import transaction
from django.utils.crypto import constant_time_compare

from config import audit
from config.jobs.failures import TemporaryFailure
from imports.accounts import grants, holding, oauth
from imports.accounts.providers import LABELS, Feature, Identity, OAuthProvider
from imports.encryption import Unreadable
from imports.models import ImportJob, ProviderAccount

SESSION_KEY = "provider_sign_ins"
LIFE = timedelta(minutes=10)
MOST_AT_ONCE = 5

SWITCHES = {
    Feature.OTHER_CONTACTS: "has_other_contacts",
    Feature.MAIL: "is_mail_synced",
    Feature.CALENDAR: "is_calendar_synced",
}

Person = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What a sign-in is for. Without `account_id` any account will do; `features` must be granted for it to count."""

    features: tuple[str, ...] = (Feature.CONTACTS,)
    account_id: str = ""
    is_import: bool = False
    has_preview: bool = True
    on_conflict: str = ImportJob.OnConflict.FILL_BLANKS

    @property
    def wanted(self) -> list[Feature]:
        return [Feature(feature) for feature in self.features]


@dataclass(frozen=True)
class SignedIn:
    """What came of it: the account, and which of its switched-on features the provider was not allowed."""

    account: ProviderAccount
    intent: Intent
    is_new: bool
    missing: list[Feature] = field(default_factory=list)


class SignInRefused(Exception):
    """The sign-in came to nothing, and nothing was changed. The message is one plain text, ours, for the person."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def begin(
    session: SessionBase,
    person: Person,
    provider: OAuthProvider,
    intent: Intent,
    *,
    now: datetime,
    account: ProviderAccount | None = None,
) -> str:
    """Remember what the sign-in is for and return the address of the consent page; raises NotConfigured.

    For an `account` the page is asked to offer that one, and for all that is switched on there beside the intent.
    """
    provider.require()
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    waiting = dict(list(_living(session, now=now).items())[1 - MOST_AT_ONCE :])
    waiting[state] = {
        "user": person.pk,
        "provider": provider.name,
        "verifier": verifier,
        "at": now.isoformat(),
        "intent": asdict(intent),
    }
    session[SESSION_KEY] = waiting
    features = dict.fromkeys([*intent.wanted, *(features_of(account) if account else ())])
    hints = {**provider.parameters, **({"login_hint": account.address} if account else {})}
    client = OAuth2Session(
        provider.client_id,
        redirect_uri=provider.redirect_uri,
        scope=provider.scopes_for(features),
        code_challenge_method="S256",
    )
    url, _ = client.create_authorization_url(provider.authorize_url, state=state, code_verifier=verifier, **hints)
    return str(url)


def finish(
    session: SessionBase, person: Person, provider: OAuthProvider, answer: Mapping[str, str], *, now: datetime
) -> SignedIn:
    """Take the provider's `answer`, the query of the callback, and connect the account; raises SignInRefused."""
    known = _taken(session, person, provider, answer.get("state", ""), now=now)
    if answer.get("error"):
        raise _refused_by_provider(provider, answer["error"])
    try:
        tokens = oauth.exchange(provider, code=answer.get("code", ""), verifier=known["verifier"])
        identity = oauth.whoami(provider, tokens.access_token)
    except oauth.GrantRefused:
        message = f"{provider.label} does not accept this sign-in any more. Start again."
        raise SignInRefused(message, "code_refused") from None
    except TemporaryFailure as failure:
        raise SignInRefused(f"{failure} Start again in a moment.", failure.code) from None
    intent = Intent(**{**known["intent"], "features": tuple(known["intent"]["features"])})
    return _connect(person, provider, intent, tokens, identity, now=now)


def features_of(account: ProviderAccount) -> list[Feature]:
    """Return what is switched on for the account."""
    return [Feature.CONTACTS, *(feature for feature, column in SWITCHES.items() if getattr(account, column))]


def _living(session: SessionBase, *, now: datetime) -> dict[str, Any]:
    waiting: dict[str, Any] = session.get(SESSION_KEY, {})
    return {state: known for state, known in waiting.items() if datetime.fromisoformat(known["at"]) > now - LIFE}


def _taken(
    session: SessionBase, person: Person, provider: OAuthProvider, state: str, *, now: datetime
) -> dict[str, Any]:
    """Return what waits under `state` and let nobody have it again."""
    waiting = _living(session, now=now)
    found = next((known for known in waiting if constant_time_compare(known, state)), None)
    if found is None:
        message = "This sign-in was not started here, took too long, or was used already. Start again."
        raise SignInRefused(message, "unknown_state")
    known: dict[str, Any] = waiting.pop(found)
    session[SESSION_KEY] = waiting
    # Two requests at once read the same session; the cache's table lets one of them through.
    is_first = cache.add(f"sign-in:{hashlib.sha256(found.encode()).hexdigest()}", value=True, timeout=LIFE.seconds)
    if not is_first or known["user"] != person.pk or known["provider"] != provider.name:
        raise SignInRefused("This sign-in belongs to somebody else or was used already. Start again.", "foreign_state")
    return known


def _refused_by_provider(provider: OAuthProvider, error: str) -> SignInRefused:
    if error in ("access_denied", "consent_required"):
        message = f"{provider.label} was not given your permission; nothing has changed. You can try again at any time."
        return SignInRefused(message, "access_denied")
    message = f"{provider.label} reports a fault of the sign-in. The settings of this server may not fit its console."
    return SignInRefused(message, "provider_error")


def _connect(
    person: Person,
    provider: OAuthProvider,
    intent: Intent,
    tokens: oauth.Tokens,
    identity: Identity,
    *,
    now: datetime,
) -> SignedIn:
    granted = tokens.scopes or tuple(provider.scopes_for(intent.wanted))
    _require_features(provider, intent, granted)
    with transaction.atomic():
        account, is_new = _locked(person, provider, intent, identity)
        kept = _kept_tokens(account)
        if not tokens.refresh_token and not kept.get("refresh_token"):
            message = (
                f"{provider.label} gave us access for an hour only. Remove Kith at {provider.permissions_page} and "
            )
            raise SignInRefused(f"{message}connect again.", "no_lasting_access")
        columns = grants.columns(account, tokens, kept=kept, now=now)
        columns |= {SWITCHES[feature]: True for feature in intent.wanted if feature in SWITCHES}
        columns |= {"scopes": sorted(granted), "address": identity.address, "paused_until": None}
        if account.state == ProviderAccount.State.DISCONNECTED or is_new:
            columns |= {"connected_at": now, "disconnected_at": None}
        ProviderAccount.objects.filter(pk=account.pk).update(**columns)
        audit.record(audit.Verb.CONNECTED, ProviderAccount, owner_id=account.owner_id, object_id=account.pk)
        holding.release(account.pk)
    account.refresh_from_db()
    return SignedIn(account, intent, is_new, provider.missing_features(features_of(account), granted=granted))


def _require_features(provider: OAuthProvider, intent: Intent, granted: Sequence[str]) -> None:
    """Raise SignInRefused when the person has left out what the sign-in was for."""
    if missing := provider.missing_features(intent.wanted, granted=granted):
        names = " and ".join(LABELS[feature] for feature in missing)
        message = f"{provider.label} was not allowed to show us {names}. Connect again and leave that box ticked."
        raise SignInRefused(message, "scope_missing")


def _locked(
    person: Person, provider: OAuthProvider, intent: Intent, identity: Identity
) -> tuple[ProviderAccount, bool]:
    """Return the row of the account that signed in, locked, made when there is none; SignInRefused for another."""
    accounts = ProviderAccount.objects.filter(owner_id=person.pk, provider=provider.name)
    if intent.account_id:
        account = accounts.select_for_update(no_key=True).filter(pk=UUID(intent.account_id)).first()
        if account is None:
            raise SignInRefused("The account is not here any more.", "unknown_account")
        if account.external_id != identity.external_id:
            message = (
                f"You signed in as {identity.address}, but this is {account.address}. Sign in as {account.address}, "
                "or connect the other as an account of its own."
            )
            raise SignInRefused(message, "other_account")
        return account, False
    account, is_new = ProviderAccount.objects.select_for_update(no_key=True).get_or_create(
        owner_id=person.pk,
        provider=provider.name,
        external_id=identity.external_id,
        defaults={"address": identity.address},
    )
    return account, is_new


def _kept_tokens(account: ProviderAccount) -> Mapping[str, Any]:
    try:
        return account.tokens
    except Unreadable:
        return {}
