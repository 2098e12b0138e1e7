"""Google and Microsoft as OAuth sees them. Every address is a setting, so that a stand-in can serve it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.urls import reverse

from imports.models import ProviderAccount

GOOGLE_SCOPE = "https://www.googleapis.com/auth/"


class Feature(StrEnum):
    """What a person can let us read; consent is asked for each when it is switched on."""

    CONTACTS = "contacts"
    OTHER_CONTACTS = "other_contacts"
    MAIL = "mail"
    CALENDAR = "calendar"


LABELS = {
    Feature.CONTACTS: "contacts",
    Feature.OTHER_CONTACTS: "other contacts",
    Feature.MAIL: "mail",
    Feature.CALENDAR: "the calendar",
}


class NotConfigured(Exception):
    """Nobody has registered Kith at this provider yet; the message names the settings that are missing."""


@dataclass(frozen=True)
class Identity:
    """Whose account it is: the provider's lasting id and an address for people."""

    external_id: str
    address: str


@dataclass(frozen=True, kw_only=True)
class OAuthProvider:
    """One provider; names of settings where an address or secret is meant, as tests and stand-ins change them."""

    name: str
    label: str
    authorize: tuple[str, str]
    token: tuple[str, str]
    whoami: tuple[str, str]
    revoke_setting: str = ""
    identity_scopes: tuple[str, ...]
    scopes: Mapping[Feature, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    at_once: int = 0
    """How many requests of one mailbox it takes at the same time; 0: it does not say."""
    console: str
    permissions_page: str

    @property
    def client_id(self) -> str:
        return str(getattr(settings, self._setting("CLIENT_ID")))

    @property
    def client_secret(self) -> str:
        return str(getattr(settings, self._setting("CLIENT_SECRET")))

    @property
    def missing_settings(self) -> list[str]:
        """Return the names of the settings without which nobody can connect."""
        names = [self._setting("CLIENT_ID"), self._setting("CLIENT_SECRET"), "FIELD_KEYS"]
        return [name for name in names if not getattr(settings, name)]

    @property
    def is_configured(self) -> bool:
        return not self.missing_settings

    def require(self) -> None:
        """Raise NotConfigured unless people can connect."""
        if missing := self.missing_settings:
            raise NotConfigured(f"{self.label} is not set up here: {', '.join(missing)} missing.")

    @property
    def authorize_url(self) -> str:
        return _address(self.authorize)

    @property
    def token_url(self) -> str:
        return _address(self.token)

    @property
    def whoami_url(self) -> str:
        return _address(self.whoami)

    @property
    def revoke_url(self) -> str:
        """Where a grant is taken back; empty for a provider that has no such address."""
        return str(getattr(settings, self.revoke_setting)) if self.revoke_setting else ""

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends people back to: as it is registered there, never from a request's host."""
        path = reverse("api-1:account_callback", args=[self.name])
        return f"{settings.BASE_URL.rstrip('/')}{path}"

    def scopes_for(self, features: Iterable[Feature]) -> list[str]:
        """Return what to ask for; a feature that the provider does not have adds nothing."""
        return [*self.identity_scopes, *(self.scopes[feature] for feature in features if feature in self.scopes)]

    def missing_features(self, features: Iterable[Feature], *, granted: Collection[str]) -> list[Feature]:
        """Return those of `features` that the provider has and the granted scopes do not cover."""
        given = {scope.rpartition("/")[2].casefold() for scope in granted}
        return [
            feature
            for feature in features
            if feature in self.scopes and self.scopes[feature].rpartition("/")[2].casefold() not in given
        ]

    def identity(self, answer: Mapping[str, Any]) -> Identity:
        """Read the answer of `whoami_url`; ValueError when it does not say who it is."""
        address = answer.get("email") or answer.get("mail") or answer.get("userPrincipalName")
        external_id = answer.get("id")
        if not isinstance(external_id, str) or not isinstance(address, str) or not external_id or not address:
            raise ValueError("no identity")
        return Identity(external_id[:255], address[:320])

    def _setting(self, name: str) -> str:
        return f"{self.name.upper()}_{name}"


def _address(place: tuple[str, str]) -> str:
    setting, path = place
    return f"{getattr(settings, setting).rstrip('/') if path else getattr(settings, setting)}{path}"


# https://developers.google.com/identity/protocols/oauth2/web-server
GOOGLE = OAuthProvider(
    name=ProviderAccount.Provider.GOOGLE,
    label="Google",
    authorize=("GOOGLE_AUTH_URL", ""),
    token=("GOOGLE_TOKEN_URL", ""),
    whoami=("GOOGLE_USERINFO_URL", ""),
    revoke_setting="GOOGLE_REVOKE_URL",
    identity_scopes=(f"{GOOGLE_SCOPE}userinfo.email",),
    scopes={
        Feature.CONTACTS: f"{GOOGLE_SCOPE}contacts.readonly",
        Feature.OTHER_CONTACTS: f"{GOOGLE_SCOPE}contacts.other.readonly",
        Feature.MAIL: f"{GOOGLE_SCOPE}gmail.readonly",  # the metadata scope refuses `q`
        Feature.CALENDAR: f"{GOOGLE_SCOPE}calendar.readonly",
    },
    # Without `consent` a second sign-in gives no refresh token; without the last one it would drop what was granted.
    parameters={"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true"},
    console="https://console.cloud.google.com/apis/credentials",
    permissions_page="https://myaccount.google.com/permissions",
)

# https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
MICROSOFT = OAuthProvider(
    name=ProviderAccount.Provider.MICROSOFT,
    label="Microsoft",
    authorize=("MICROSOFT_AUTHORITY_URL", "/common/oauth2/v2.0/authorize"),
    token=("MICROSOFT_AUTHORITY_URL", "/common/oauth2/v2.0/token"),
    whoami=("MICROSOFT_GRAPH_URL", "/v1.0/me"),
    identity_scopes=("offline_access", "User.Read"),
    scopes={
        Feature.CONTACTS: "Contacts.Read",
        Feature.MAIL: "Mail.ReadBasic",
        Feature.CALENDAR: "Calendars.Read",
    },
    parameters={"prompt": "select_account"},
    at_once=4,  # https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
    console="https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade",
    permissions_page="https://account.live.com/consent/Manage",
)

PROVIDERS: dict[str, OAuthProvider] = {provider.name: provider for provider in (GOOGLE, MICROSOFT)}
