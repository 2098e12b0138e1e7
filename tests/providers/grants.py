"""What an authorisation server remembers: codes, grants, and the tokens that hang on them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field

MARKER = "stand-in-token"
CODE_SECONDS = 600

issued = 0
"""How many tokens this process has given out; tests/leaks.py looks for them where they must not be."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person is asked on the consent page, as the client sent it."""

    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    challenge: str
    is_offline: bool
    is_prompted: bool
    adds_to_grant: bool


@dataclass(frozen=True, slots=True)
class Code:
    consent: Consent
    account: str
    scopes: tuple[str, ...]
    expires_at: float

    def accepts(self, verifier: str) -> bool:
        """Say whether PKCE's S256 of `verifier` is the challenge that came with the authorisation."""
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        return hmac.compare_digest(digest, self.consent.challenge)


@dataclass(slots=True)
class Grant:
    """One person's permission to the client."""

    account: str
    scopes: set[str]
    is_revoked: bool = False
    refresh_tokens: set[str] = field(default_factory=set)


class Grants:
    """Issues and looks up tokens; each contains MARKER, so that a test can look for leaks. Safe between threads."""

    def __init__(self, *, expires_in: int) -> None:
        self.expires_in = expires_in
        self._lock = threading.RLock()
        self._codes: dict[str, Code] = {}
        self._access: dict[str, tuple[Grant, float, frozenset[str]]] = {}
        self._refresh: dict[str, Grant] = {}
        self.by_account: dict[str, Grant] = {}

    def _made(self, kind: str) -> str:
        global issued
        issued += 1
        return f"{MARKER}-{kind}-{secrets.token_urlsafe(24)}"

    def issue_code(self, consent: Consent, *, account: str, scopes: tuple[str, ...]) -> str:
        with self._lock:
            code = self._made("code")
            self._codes[code] = Code(consent, account, scopes, time.time() + CODE_SECONDS)
            return code

    def take_code(self, code: str) -> Code | None:
        """Return what `code` stands for, once; None when it is unknown, used or old."""
        with self._lock:
            found = self._codes.pop(code, None)
        return found if found and found.expires_at > time.time() else None

    def allow(self, account: str, scopes: tuple[str, ...], *, adds: bool = False) -> tuple[Grant, bool]:
        """Record a consent; return the grant, and whether it is the account's first since the last revocation."""
        with self._lock:
            known = self.by_account.get(account)
            if known and not known.is_revoked:
                known.scopes = known.scopes | set(scopes) if adds else set(scopes)
                return known, False
            grant = self.by_account[account] = Grant(account, set(scopes))
            return grant, True

    def issue_access(self, grant: Grant) -> str:
        with self._lock:
            token = self._made("access")
            self._access[token] = (grant, time.time() + self.expires_in, frozenset(grant.scopes))
            return token

    def issue_refresh(self, grant: Grant) -> str:
        with self._lock:
            token = self._made("refresh")
            self._refresh[token] = grant
            grant.refresh_tokens.add(token)
            return token

    def holder(self, access_token: str) -> tuple[str, frozenset[str]] | None:
        """Return the account and scopes of a living access token."""
        with self._lock:
            grant, expires_at, scopes = self._access.get(access_token, (None, 0.0, frozenset()))
        return (grant.account, scopes) if grant and not grant.is_revoked and expires_at > time.time() else None

    def refreshed(self, refresh_token: str) -> Grant | None:
        with self._lock:
            grant = self._refresh.get(refresh_token)
        return grant if grant and not grant.is_revoked else None

    def forget(self, refresh_token: str) -> None:
        with self._lock:
            self._refresh.pop(refresh_token, None)

    def revoke(self, token: str) -> bool:
        """Take back the whole grant that an access or refresh token belongs to; False for a token of none."""
        with self._lock:
            grant = self._refresh.get(token) or self._access.get(token, (None, 0.0, frozenset()))[0]
            if grant is None or grant.is_revoked:
                return False
            grant.is_revoked = True
            return True

    def expire_access_tokens(self) -> None:
        with self._lock:
            self._access = {token: (grant, 0.0, scopes) for token, (grant, _, scopes) in self._access.items()}
