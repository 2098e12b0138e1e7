"""Requests to providers: each has an end, a largest answer and one host, and none of them can be forgotten."""

from __future__ import annotations

import socket
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from config.jobs.failures import PermanentFailure, TemporaryFailure
from media_store.transport import Deadline, DeadlinePassed

CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0
CHUNK = 65_536
USER_AGENT = "Kith"

# A connection that was kept open may have been closed by the other side just now; that is no failure of the request.
RETRY = Retry(
    total=1,
    connect=0,
    read=1,
    redirect=0,
    status=0,
    other=0,
    allowed_methods={"GET"},
    respect_retry_after_header=False,
)

Session = TypeVar("Session", bound=requests.Session)

_deadline: ContextVar[Deadline] = ContextVar("provider_deadline")


class TooLarge(requests.RequestException):
    """The answer has more bytes than the session takes."""


def guard(session: Session, *, seconds: float, max_bytes: int) -> Session:
    """Limit every request of `session`: `seconds` from connecting to the last byte, `max_bytes` once unpacked.

    No redirect is followed (TooManyRedirects), no cookie kept, nothing read from proxies' or netrc's settings.
    """
    session.trust_env = False
    session.max_redirects = 0
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = USER_AGENT
    for scheme in ("https://", "http://"):
        session.mount(scheme, GuardedAdapter(seconds=seconds, max_bytes=max_bytes))
    return session


def as_failure(error: Exception, *, provider: str) -> TemporaryFailure | PermanentFailure:
    """Return what a failed request means for a job. No message names an address, as some carry secrets."""
    if isinstance(error, TooLarge):
        return PermanentFailure(f"{provider} sent more than we take in one answer.", code="too_large")
    if isinstance(error, requests.TooManyRedirects):
        return PermanentFailure(f"{provider} wants to send us to another address.", code="redirected")
    if isinstance(error, DeadlinePassed | requests.Timeout):
        return TemporaryFailure(f"{provider} took too long to answer.", code="timeout")
    if isinstance(error, requests.exceptions.SSLError):
        return TemporaryFailure(f"{provider}'s certificate or encryption is not valid.", code="tls_error")
    message = f"The connection to {provider} failed ({type(error).__name__})."
    return TemporaryFailure(message, code="connection_failed")


class GuardedAdapter(HTTPAdapter):
    """Reads the whole answer under one deadline and one limit, whatever the caller asked for."""

    def __init__(self, *, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        super().__init__(max_retries=RETRY)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        options |= {"timeout": (CONNECT_SECONDS, READ_SECONDS), "stream": True, "proxies": None}
        with Deadline(self._seconds) as deadline:
            mark = _deadline.set(deadline)
            try:
                response = super().send(request, **options)
                # As requests keeps a body that it has read; replacing `raw` would unpack it a second time.
                response._content = self._body(response)
                response._content_consumed = True  # type: ignore[attr-defined]
            except (requests.RequestException, HTTPError, OSError):
                if deadline.has_passed:
                    raise DeadlinePassed from None
                raise
            finally:
                _deadline.reset(mark)
            # A socket that was shut down reads like an answer that has come to its end.
            deadline.remaining(at_most=0)
        return response

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _WatchedTLSConnection if pool.scheme == "https" else _WatchedConnection
        return pool

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        try:
            for chunk in response.iter_content(CHUNK):
                body += chunk
                if len(body) > self._max_bytes:
                    raise TooLarge
        except BaseException:
            response.close()
            raise
        return bytes(body)


class _WatchedConnection(HTTPConnection):
    """Lets the deadline of each request reach the socket, also of a connection that is used again."""

    _wire: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        connected: socket.socket = super()._new_conn()
        # A duplicate, because TLS takes the socket itself away and its wrapper cannot be duplicated.
        self._wire = connected.dup()
        _deadline.get().watch(connected)
        return connected

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self._wire is not None:
            _deadline.get().watch(self._wire)
        super().request(*args, **kwargs)

    def close(self) -> None:
        super().close()
        if self._wire is not None:
            self._wire.close()
            self._wire = None


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    pass
