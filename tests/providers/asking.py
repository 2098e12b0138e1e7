"""How the tests of the stand-ins ask: plain HTTP clients that do as the documentation says."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from tests.providers.google import CONTACTS, OTHER_CONTACTS, GoogleStandIn
from tests.providers.microsoft import MicrosoftStandIn
from tests.providers.oauth import OAuthStandIn

VERIFIER = "a-verifier-of-enough-characters-to-be-allowed-123456"
CALLBACK = "http://127.0.0.1:8000/api/v1/contacts/import/google/callback"
EVERYTHING = (
    "metadata,names,nicknames,emailAddresses,phoneNumbers,organizations,birthdays,biographies,addresses,urls,"
    "memberships,photos"
)


def authorize_address(stand_in: OAuthStandIn, setting: str, **changed: str) -> str:
    """Return where a browser is sent to ask for consent, with PKCE and a state."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    asked = {
        "client_id": stand_in.client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": CONTACTS,
        "state": "the state",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "access_type": "offline",
        **changed,
    }
    return f"{stand_in.settings()[setting]}?{urlencode(asked)}"


def exchange(stand_in: OAuthStandIn, address: str, code: str, **changed: str) -> requests.Response:
    """Trade `code` for tokens at the token `address`."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": stand_in.client_id,
        "client_secret": stand_in.client_secret,
        **changed,
    }
    return requests.post(address, data=form, timeout=10)


def refresh(stand_in: OAuthStandIn, address: str, token: str) -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return requests.post(address, data=form, auth=(stand_in.client_id, stand_in.client_secret), timeout=10)


def answered(location: str) -> dict[str, str]:
    """Return the query parameters of a redirect."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def signed_in(stand_in: OAuthStandIn, *scopes: str, account: str = "") -> requests.Session:
    """Return a client with an access token for `scopes`, those of contacts where none are given."""
    usual = (CONTACTS, OTHER_CONTACTS) if isinstance(stand_in, GoogleStandIn) else ("Contacts.Read", "User.Read")
    session = requests.Session()
    token = stand_in.granted(*(scopes or usual), account=account)["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def connections(session: requests.Session, google: GoogleStandIn, **changed: Any) -> requests.Response:
    """Ask for one page of connections, 10 people to a page, with a sync token at the end."""
    asked = {"personFields": EVERYTHING, "pageSize": 10, "requestSyncToken": "true", **changed}
    return session.get(f"{google.address}/v1/people/me/connections", params=asked, timeout=10)


def all_connections(session: requests.Session, google: GoogleStandIn, **changed: Any) -> list[dict[str, Any]]:
    """Return all pages of connections, in order."""
    pages: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        answer = connections(session, google, **changed, **token)
        answer.raise_for_status()
        pages.append(answer.json())
        if "nextPageToken" not in pages[-1]:
            return pages
        token = {"pageToken": pages[-1]["nextPageToken"]}


def followed(session: requests.Session, address: str, **headers: str) -> list[dict[str, Any]]:
    """Return all pages of a Graph collection, from `address` along the next links."""
    pages = []
    while address:
        answer = session.get(address, headers=headers, timeout=10)
        answer.raise_for_status()
        pages.append(answer.json())
        address = pages[-1].get("@odata.nextLink", "")
    return pages


def graph(microsoft: MicrosoftStandIn, path: str) -> str:
    return f"{microsoft.settings()['MICROSOFT_GRAPH_URL']}/v1.0{path}"
