"""Call a provider's API for one account: `with api_session(account, base_url=settings.GOOGLE_PEOPLE_URL) as api`.

Shared by the clients of contacts, mail and calendars. Every call ends in one of the job core's failures, so a runner
lets them pass: TemporaryFailure (throttled, 5xx, cut, unreadable), PermissionFailure (reconnect) or ProviderRefusal.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import requests
import structlog
from django.db import connection
from django.utils import timezone

from config.jobs.failures import (
    FIRST_BACKOFF,
    MAX_RETRY_AFTER,
    JobFailure,
    PermanentFailure,
    PermissionFailure,
    TemporaryFailure,
    parse_retry_after,
)
from imports.accounts import grants, holding
from imports.accounts.places import place
from imports.accounts.providers import PROVIDERS
from imports.accounts.transport import as_failure, guard
from imports.models import ProviderAccount
from media_store.transport import DeadlinePassed

log = structlog.get_logger(__name__)

SECONDS = 45.0
MAX_BYTES = 32_000_000

# https://developers.google.com/workspace/gmail/api/guides/handle-errors, https://cloud.google.com/apis/design/errors
THROTTLED = {
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "dailyLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "ApplicationThrottled",
    "TooManyRequests",
}
NOT_ENABLED = {"SERVICE_DISABLED", "accessNotConfigured"}

Parameters = Mapping[str, str | int | Sequence[str]]


class ProviderRefusal(PermanentFailure):
    """The provider refuses this very request (4xx): asking again would give the same.

    `status` and `reasons`, its own words such as EXPIRED_SYNC_TOKEN, let a client do something else instead.
    """

    def __init__(self, message: str, *, status: int, reasons: frozenset[str] = frozenset()) -> None:
        super().__init__(message, code=f"http_{status}")
        self.status = status
        self.reasons = reasons


def api_session(account: ProviderAccount, *, base_url: str, seconds: float = SECONDS) -> ApiSession:
    """Return a session for the API at `base_url`; each request may take `seconds`."""
    return ApiSession(account, base_url=base_url, seconds=seconds)


class ApiSession:
    """Requests of one account to one host. May be used by several threads; close it, or use it in a `with` block."""

    def __init__(
        self,
        account: ProviderAccount,
        *,
        base_url: str,
        seconds: float = SECONDS,
        clock: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._account_id = account.pk
        self._mailbox = account.external_id
        self._at_once = PROVIDERS[account.provider].at_once if account.provider in PROVIDERS else 0
        self._provider = account.get_provider_display()
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._home = threading.get_ident()
        self._lock = threading.Lock()
        self._token = ""
        self._session = guard(requests.Session(), seconds=seconds, max_bytes=MAX_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._session.close()

    def get(
        self, path: str, *, params: Parameters | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the JSON object at `path`, which begins with a slash."""
        return self._object(self._send("GET", self._base_url + path, params=params, headers=headers))

    def follow(self, link: str, *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the JSON object at a next link, asked for word for word; one to another host is refused."""
        return self._object(self._send("GET", self._ours(link), headers=headers))

    def post(
        self, path: str, payload: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send a JSON object to `path` and return the one that comes back."""
        return self._object(self._send("POST", self._base_url + path, json=payload, headers=headers))

    def _send(self, method: str, url: str, **options: Any) -> requests.Response:
        token = self._bearer()
        answer = self._request(method, url, token, **options)
        if answer.status_code == 401:
            token = self._bearer(rejected=token)
            answer = self._request(method, url, token, **options)
        if answer.status_code == 401:
            raise self._given_up()
        if answer.status_code >= 300:
            raise self._failure(answer)
        return answer

    def _request(self, method: str, url: str, token: str, **options: Any) -> requests.Response:
        headers = {"Accept": "application/json", **(options.pop("headers", None) or {})}
        headers["Authorization"] = f"Bearer {token}"
        try:
            with self._place():
                return self._session.request(method, url, headers=headers, **options)
        except (requests.RequestException, DeadlinePassed) as error:
            raise as_failure(error, provider=self._provider) from None

    def _bearer(self, *, rejected: str = "") -> str:
        """Return the token of this session, a new one when the provider has `rejected` it."""
        with self._lock:
            if not self._token or self._token == rejected:
                with self._database():
                    self._token = grants.access_token(self._account_id, now=self._clock(), rejected=rejected)
            return self._token

    def _ours(self, link: str) -> str:
        """Return `link` if it stays on the host that we were sent to by the settings."""
        try:
            is_ours = _origin(urljoin(self._base_url, link)) == _origin(self._base_url)
        except ValueError:
            is_ours = False
        if not is_ours:
            raise PermanentFailure(f"{self._provider} sent a link to another host.", code="foreign_link")
        return urljoin(self._base_url, link)

    def _object(self, answer: requests.Response) -> dict[str, Any]:
        try:
            payload = answer.json()
        except (ValueError, RecursionError):
            payload = None
        # Some gateways send an error as a success; read as a page it would be an empty one.
        if not isinstance(payload, dict) or "error" in payload:
            raise TemporaryFailure(f"{self._provider} sent an answer that cannot be read.", code="bad_answer")
        return payload

    def _failure(self, answer: requests.Response) -> JobFailure:
        """Return what a bad status means."""
        status, reasons = answer.status_code, _reasons(answer)
        if status == 429 or (status in (403, 503) and reasons & THROTTLED):
            return self._throttled(answer)
        if status >= 500 or status == 408:
            wait = parse_retry_after(answer.headers.get("Retry-After", ""), now=self._clock())
            message = f"{self._provider} is out of order (it answered {status})."
            return TemporaryFailure(message, code=f"http_{status}", retry_after=wait)
        if status == 403 and reasons & NOT_ENABLED:
            message = f"This API is not switched on in our project at {self._provider}: switch it on in the console."
            return PermanentFailure(message, code="api_not_enabled")
        if status == 403:
            message = f"{self._provider} was not allowed to give us this. Sign in again and leave every box ticked."
            return PermissionFailure(message, code=holding.NOT_ALLOWED)
        message = f"{self._provider} refuses the request (it answered {status})."
        return ProviderRefusal(message, status=status, reasons=reasons)

    def _throttled(self, answer: requests.Response) -> TemporaryFailure:
        """Note how long nobody may ask for this account, and say so."""
        now = self._clock()
        asked = parse_retry_after(answer.headers.get("Retry-After", ""), now=now)
        wait = min(asked or FIRST_BACKOFF, MAX_RETRY_AFTER)
        until = now + max(wait, timedelta(seconds=1))
        with self._database():
            grants.pause(self._account_id, until=until)
        log.info("provider_throttled", account=str(self._account_id), until=until.isoformat())
        message = f"{self._provider} asked us to wait until {until:%H:%M:%S} UTC."
        return TemporaryFailure(message, code="throttled", retry_after=wait)

    def _given_up(self) -> PermissionFailure:
        message = f"{self._provider} refuses even a new access token. Sign in again to go on."
        with self._database():
            holding.needs_reconnect(self._account_id, message)
        return PermissionFailure(message, code="needs_reconnect")

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold a place of the mailbox for one request, where its provider takes but few at once."""
        if not self._at_once:
            yield
            return
        with self._database(), place(self._mailbox, of=self._at_once):
            yield

    @contextmanager
    def _database(self) -> Iterator[None]:
        """Let the database be used; a thread that only fetches leaves no connection behind."""
        try:
            yield
        finally:
            if threading.get_ident() != self._home:
                connection.close()


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("credentials in an address")
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _reasons(answer: requests.Response) -> frozenset[str]:
    """Return the words by which Google or Graph names an error, from the places where they put them."""
    try:
        error = answer.json()["error"]
        details = [*error.get("errors", []), *error.get("details", [])]
        found = [error.get("status"), error.get("code"), *(detail.get("reason") for detail in details)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()
    return frozenset(word for word in found if isinstance(word, str))
