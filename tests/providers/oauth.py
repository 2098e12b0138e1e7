"""OAuth 2.0 with PKCE as Google and Microsoft serve it: a consent page to click, codes, tokens, refresh, revocation."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import requests

from tests.providers.exchange import Answer, Request, page_of_html, redirect
from tests.providers.grants import Code, Consent, Grants
from tests.providers.serving import StandIn

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{provider} (stand-in)</title>
<body style="font:16px sans-serif;max-width:32rem;margin:4rem auto"><h1>{provider}</h1>
<p>A stand-in on this machine. <b>{client}</b> asks for access to an address book that nobody owns.</p>
<form id="consent" method="post" action="/consent"><input type="hidden" name="request" value="{request}">
<p><label for="account">Account</label> <select id="account" name="account">{accounts}</select></p>
{scopes}<p><button id="allow" name="decision" value="allow">Allow</button>
<button id="deny" name="decision" value="deny">Deny</button></p></form></body></html>"""
SCOPE = """<p><input type="checkbox" id="scope-{id}" name="scope" value="{scope}" checked{fixed}>
<label for="scope-{id}">{scope}</label></p>"""


class OAuthStandIn(StandIn):
    """`redirect_uris` are compared exactly; with none registered, any address on this machine will do.

    `accounts` are those that a person can choose from on the consent page. Access tokens live `expires_in` seconds.
    """

    PROVIDER = ""
    SCOPES_CAN_BE_UNTICKED = True

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        accounts: Iterable[str] = ("mara@example.com",),
        redirect_uris: Iterable[str] = (),
        expires_in: int = 3599,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.client_id, self.client_secret = client_id, client_secret
        self.accounts = tuple(accounts)
        self.redirect_uris = set(redirect_uris)
        self.grants = Grants(expires_in=expires_in)
        self._asked: dict[str, Consent] = {}

    # What a test does in the place of a person or of time.

    def consent(self, address: str, *, account: str = "", without: Iterable[str] = (), decision: str = "allow") -> str:
        """Do what a person does on the consent page at `address`; return where the browser is sent next.

        `without` are scopes that the person unticks.
        """
        shown = requests.get(address, allow_redirects=False, timeout=10)
        if shown.is_redirect:
            return shown.headers["Location"]
        shown.raise_for_status()
        key = re.search('name="request" value="([^"]+)"', shown.text)
        scopes = re.findall('name="scope" value="([^"]+)"', shown.text)
        assert key, "This is no consent page."
        fields = [("scope", scope) for scope in scopes if scope not in set(without)]
        fields += [("request", key[1]), ("account", account or self.accounts[0]), ("decision", decision)]
        sent = requests.post(f"{self.address}/consent", data=fields, allow_redirects=False, timeout=10)
        return sent.headers["Location"]

    def granted(self, *scopes: str, account: str = "") -> dict[str, Any]:
        """Return a token answer (access_token, refresh_token, …) without the way through a browser."""
        grant, _ = self.grants.allow(account or self.accounts[0], scopes)
        return self._token(grant.account, refresh_token=self.grants.issue_refresh(grant))

    def expire_access_tokens(self) -> None:
        """Make all access tokens issued so far old."""
        self.grants.expire_access_tokens()

    def revoke(self, account: str = "") -> None:
        """Take the client's permission back, as a person can in the provider's own settings."""
        self.grants.by_account[account or self.accounts[0]].is_revoked = True

    # The addresses.

    def answer_authorize(self, request: Request) -> Answer:
        asked = {name: values[0] for name, values in request.parameters.items()}
        target = asked.get("redirect_uri", "")
        if asked.get("client_id") != self.client_id:
            return page_of_html("<h1>invalid_client</h1><p>The OAuth client was not found.</p>", status=401)
        if not self._is_registered(target):
            return page_of_html("<h1>redirect_uri_mismatch</h1>", status=400)
        fault = self._fault_of(asked)
        if fault:
            return redirect(_with(target, error=fault, state=asked.get("state", "")))
        key = secrets.token_urlsafe(16)
        scopes = tuple(asked["scope"].split())
        self._asked[key] = Consent(
            target,
            scopes,
            asked.get("state", ""),
            asked["code_challenge"],
            is_offline=self.is_offline(asked),
            is_prompted="consent" in asked.get("prompt", "").split(),
            adds_to_grant=asked.get("include_granted_scopes") == "true",
        )
        return page_of_html(self._consent_page(key, scopes, chosen=asked.get("login_hint", "")))

    def answer_consent(self, request: Request) -> Answer:
        consent = self._asked.pop(request.form.get("request", ""), None)
        if consent is None:
            return page_of_html("<h1>This page was used already.</h1>", status=400)
        ticked = set(request.form_values("scope")) if self.SCOPES_CAN_BE_UNTICKED else consent.scopes
        scopes = tuple(scope for scope in consent.scopes if scope in ticked)
        if request.form.get("decision") != "allow" or not scopes:
            return redirect(_with(consent.redirect_uri, error="access_denied", state=consent.state))
        account = request.form.get("account", "")
        if account not in self.accounts:
            return page_of_html("<h1>There is no such account.</h1>", status=400)
        code = self.grants.issue_code(consent, account=account, scopes=scopes)
        return redirect(_with(consent.redirect_uri, code=code, state=consent.state, scope=" ".join(scopes)))

    def answer_token(self, request: Request) -> Answer:
        form = request.form
        name, secret = request.basic or (form.get("client_id"), form.get("client_secret"))
        if (name, secret) != (self.client_id, self.client_secret):
            return self.oauth_error(401, "invalid_client", "The provided client secret is invalid.")
        if form.get("grant_type") == "authorization_code":
            return self._exchanged(form)
        if form.get("grant_type") == "refresh_token":
            return self._refreshed(form)
        return self.oauth_error(400, "unsupported_grant_type", "Invalid grant_type.")

    # Where the providers differ.

    def is_offline(self, asked: dict[str, str]) -> bool:
        """Say whether the client asked for a refresh token."""
        raise NotImplementedError

    def gives_refresh_token(self, code: Code, *, is_first: bool) -> bool:
        raise NotImplementedError

    def next_refresh_token(self, refresh_token: str) -> str | None:
        """Return the refresh token that replaces this one, None to keep it."""
        raise NotImplementedError

    def oauth_error(self, status: int, error: str, description: str) -> Answer:
        return Answer(status, {"error": error, "error_description": description}, shape="oauth error")

    def _exchanged(self, form: dict[str, str]) -> Answer:
        code = self.grants.take_code(form.get("code", ""))
        if code is None:
            return self.oauth_error(400, "invalid_grant", "The code is unknown, used or expired.")
        if form.get("redirect_uri") != code.consent.redirect_uri:
            return self.oauth_error(400, "redirect_uri_mismatch", "Bad Request")
        if not code.accepts(form.get("code_verifier", "")):
            return self.oauth_error(400, "invalid_grant", "Invalid code verifier.")
        grant, is_first = self.grants.allow(code.account, code.scopes, adds=code.consent.adds_to_grant)
        wanted = self.gives_refresh_token(code, is_first=is_first)
        return self._token_answer(grant.account, self.grants.issue_refresh(grant) if wanted else None)

    def _refreshed(self, form: dict[str, str]) -> Answer:
        token = form.get("refresh_token", "")
        grant = self.grants.refreshed(token)
        if grant is None:
            return self.oauth_error(400, "invalid_grant", "Token has been expired or revoked.")
        if not set(form.get("scope", "").split()) <= grant.scopes:
            return self.oauth_error(400, "invalid_scope", "Some requested scopes were not granted.")
        return self._token_answer(grant.account, self.next_refresh_token(token))

    def _token_answer(self, account: str, refresh_token: str | None) -> Answer:
        payload = self._token(account, refresh_token=refresh_token)
        return Answer(payload=payload, headers={"Cache-Control": "no-store"}, shape="token")

    def _token(self, account: str, *, refresh_token: str | None) -> dict[str, Any]:
        grant = self.grants.by_account[account]
        token: dict[str, Any] = {
            "access_token": self.grants.issue_access(grant),
            "expires_in": self.grants.expires_in,
            "scope": " ".join(sorted(grant.scopes)),
            "token_type": "Bearer",
        }
        return {**token, "refresh_token": refresh_token} if refresh_token else token

    def _is_registered(self, target: str) -> bool:
        if self.redirect_uris:
            return target in self.redirect_uris
        return urlsplit(target).hostname in ("127.0.0.1", "localhost", "testserver")

    def _fault_of(self, asked: dict[str, str]) -> str:
        if asked.get("response_type") != "code":
            return "unsupported_response_type"
        if not asked.get("scope"):
            return "invalid_scope"
        if asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
            return "invalid_request"
        return ""

    def _consent_page(self, key: str, scopes: tuple[str, ...], *, chosen: str) -> str:
        options = "".join(
            f"<option{' selected' if account == chosen else ''}>{escape(account)}</option>" for account in self.accounts
        )
        fixed = "" if self.SCOPES_CAN_BE_UNTICKED else " disabled"
        boxes = "".join(
            SCOPE.format(id=escape(scope.rpartition("/")[2]), scope=escape(scope), fixed=fixed) for scope in scopes
        )
        return PAGE.format(
            provider=self.PROVIDER, client=escape(self.client_id), request=key, accounts=options, scopes=boxes
        )


def _with(address: str, **added: str) -> str:
    parts = urlsplit(address)
    query = "&".join(part for part in (parts.query, urlencode({k: v for k, v in added.items() if v})) if part)
    return urlunsplit(parts._replace(query=query))
