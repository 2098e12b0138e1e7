"""Download one file from an address that a stranger may have written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import requests
from urllib3.exceptions import HTTPError, SSLError

from config.jobs.failures import parse_retry_after
from media_store.addresses import is_allowed
from media_store.models import PhotoJob
from media_store.transport import Deadline, DeadlinePassed, PinnedAdapter, resolve

Verdict = PhotoJob.Verdict

MAX_REDIRECTS = 3
MAX_URL = 4_096
MAX_HOST = 253
LOOKUP_SECONDS = 3.0
CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
CHUNK = 65_536

PORTS = {"http": 80, "https": 443}
REDIRECTS = {301, 302, 303, 307, 308}
PRIVATE_ENDINGS = (".local", ".internal", ".localhost", ".onion", ".arpa")
# What a browser would quietly repair, and two parsers read differently.
UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")

HEADERS = {"User-Agent": "Kith (contact pictures)", "Accept": "image/*", "Accept-Encoding": "identity"}

Trace = Callable[[str, str], None]


def _silently(step: str, detail: str) -> None:
    pass


STATUSES = {
    401: (Verdict.DENIED, "The server wants a login."),
    403: (Verdict.DENIED, "The server refuses access."),
    404: (Verdict.GONE, "There is nothing at this address."),
    408: (Verdict.TIMEOUT, "The server gave up waiting."),
    410: (Verdict.GONE, "The picture was taken down."),
    429: (Verdict.RATE_LIMITED, "The server asks us to wait."),
    451: (Verdict.DENIED, "The server may not show this for legal reasons."),
}


@dataclass(frozen=True)
class Fetched:
    """What an address gave: the bytes, None when they are unchanged (304), and how to ask for changes next time."""

    content: bytes | None
    etag: str = ""
    last_modified: str = ""
    final_url: str = ""


class FetchError(Exception):
    """The download failed; `verdict` is a PhotoJob.Verdict, `retry_after` what the server asked for."""

    def __init__(self, verdict: str, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.verdict = verdict
        self.retry_after = retry_after


@dataclass(frozen=True)
class Target:
    """One address to connect to. `is_named` marks a host:port pair that the settings allow."""

    parts: SplitResult
    host: str
    port: int
    is_named: bool

    @property
    def is_https(self) -> bool:
        return self.parts.scheme == "https"

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        netloc = host if self.port == PORTS[self.parts.scheme] else f"{host}:{self.port}"
        return urlunsplit(self.parts._replace(netloc=netloc, fragment=""))


def fetch(
    url: str,
    *,
    allowed_hosts: Collection[str],
    max_bytes: int,
    deadline_seconds: float,
    etag: str = "",
    last_modified: str = "",
    trace: Trace = _silently,
) -> Fetched:
    """Return the content at `url`, or None for it when `etag` or `last_modified` still hold.

    Only http and https on their own ports to public addresses, except for the `allowed_hosts` (`host:port`), which
    lift the rules for address and port. Ends within `deadline_seconds`, whatever the server does. Raises FetchError.
    Touches no database. `trace` is told of every step (parse, resolve, address, connect, answer) with one sentence.
    """
    conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    headers = HEADERS | {name: value for name, value in conditions.items() if value}
    target = parse_target(url, allowed_hosts=allowed_hosts)
    trace("parse", target.url)
    with Deadline(deadline_seconds) as deadline:
        try:
            for _ in range(MAX_REDIRECTS + 1):
                address = _address_of(target, deadline, trace)
                answer = _request(target, address, headers, max_bytes=max_bytes, deadline=deadline, trace=trace)
                if isinstance(answer, Fetched):
                    return answer
                trace("redirect", answer[:MAX_URL])
                target = _redirected(target, answer, allowed_hosts=allowed_hosts)
                trace("parse", target.url)
        except (DeadlinePassed, FetchError, OSError, HTTPError, requests.RequestException) as error:
            raise _typed(error, deadline=deadline) from error
    raise FetchError(Verdict.TOO_MANY_REDIRECTS, f"More than {MAX_REDIRECTS} redirects.")


def parse_target(url: str, *, allowed_hosts: Collection[str]) -> Target:
    """Return where `url` leads by its text alone; raises FetchError with `unsafe` for what is never fetched."""
    if len(url) > MAX_URL or UNSAFE.search(url):
        raise FetchError(Verdict.UNSAFE, "The address is too long or holds spaces or control characters.")
    try:
        parts = urlsplit(url)
        host, port = _ascii_host(parts.hostname or ""), parts.port
    except ValueError as error:
        raise FetchError(Verdict.UNSAFE, "The address cannot be read.") from error
    if parts.scheme not in PORTS or not host:
        raise FetchError(Verdict.UNSAFE, "Only http and https addresses are fetched.")
    if parts.username is not None or parts.password is not None:
        raise FetchError(Verdict.UNSAFE, "Addresses with a user name are not fetched.")
    port = PORTS[parts.scheme] if port is None else port
    pair = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    target = Target(parts, host, port, is_named=pair in {allowed.lower() for allowed in allowed_hosts})
    if not target.is_named:
        _refuse_private(target)
    return target


def _ascii_host(host: str) -> str:
    """Return the host as the network knows it: lower case, IDNA, without a final dot; raises ValueError."""
    host = host.rstrip(".").lower()
    if not host.isascii():
        host = host.encode("idna").decode("ascii").lower()
    if len(host) > MAX_HOST or "%" in host:
        raise ValueError
    return host


def _refuse_private(target: Target) -> None:
    """Refuse ports and names that are not of the public web, before anything is looked up."""
    if target.port != PORTS[target.parts.scheme]:
        raise FetchError(Verdict.UNSAFE, f"Port {target.port} is not a web port.")
    is_literal = ":" in target.host or target.host.replace(".", "").isdigit()
    if not is_literal and ("." not in target.host or target.host.endswith(PRIVATE_ENDINGS)):
        raise FetchError(Verdict.UNSAFE, f"{target.host} is not a public name.")


def _address_of(target: Target, deadline: Deadline, trace: Trace) -> str:
    """Resolve once and return the address to connect to; one refused address among several refuses the name."""
    addresses = resolve(target.host, target.port, seconds=deadline.remaining(LOOKUP_SECONDS))
    trace("resolve", ", ".join(addresses))
    if not target.is_named and not all(is_allowed(address) for address in addresses):
        raise FetchError(Verdict.UNSAFE, f"{target.host} leads to a network that is not public.")
    trace("address", "A host of our own that the settings name." if target.is_named else "All of them are public.")
    # A connection to an address that no longer answers must not wait for IPv6 where there is none.
    return min(addresses, key=lambda address: isinstance(ip_address(address.partition("%")[0]), IPv6Address))


def _request(
    target: Target, address: str, headers: Mapping[str, str], *, max_bytes: int, deadline: Deadline, trace: Trace
) -> Fetched | str:
    """Return what one address gave, or the place it redirects to."""
    adapter = PinnedAdapter(address, is_named=target.is_named, deadline=deadline, is_https=target.is_https)
    with requests.Session() as session:
        session.trust_env = False  # no proxies and no netrc
        session.mount(f"{target.parts.scheme}://", adapter)
        timeouts = (deadline.remaining(CONNECT_SECONDS), deadline.remaining(READ_SECONDS))
        host_header = urlsplit(target.url).netloc
        response = session.get(
            target.url,
            headers={**headers, "Host": host_header},
            timeout=timeouts,
            stream=True,
            allow_redirects=False,
        )
        with response:
            trace("connect", f"Connected to {address}, port {target.port}.")
            trace("answer", f"{response.status_code} {response.reason}, {_described(response.headers)}.")
            if response.status_code in REDIRECTS and "Location" in response.headers:
                return response.headers["Location"]
            return _answer(response, target, max_bytes=max_bytes, deadline=deadline)


def _described(headers: Mapping[str, str]) -> str:
    kind, length = headers.get("Content-Type", "no type"), headers.get("Content-Length", "an unknown number of")
    return f"{kind[:100]}, {length[:20]} bytes"


def _answer(response: requests.Response, target: Target, *, max_bytes: int, deadline: Deadline) -> Fetched:
    """Return the body of a good response; raises FetchError by the status or the size."""
    headers = response.headers
    found = {
        "etag": headers.get("ETag", ""),
        "last_modified": headers.get("Last-Modified", ""),
        "final_url": target.url,
    }
    if response.status_code == 304:
        return Fetched(None, **found)
    _refuse_status(response)
    if headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise FetchError(Verdict.NOT_AN_IMAGE, "The server sent a compressed answer that we did not ask for.")
    return Fetched(_body(response, max_bytes=max_bytes, deadline=deadline), **found)


def _refuse_status(response: requests.Response) -> None:
    status = response.status_code
    if status == 200:
        return
    retry_after = parse_retry_after(response.headers.get("Retry-After", ""), now=datetime.now(UTC))
    if status in STATUSES:
        verdict, message = STATUSES[status]
    elif 400 <= status < 500:
        verdict, message = Verdict.DENIED, f"The server refuses the request ({status})."
    elif status in (204, 205):
        verdict, message = Verdict.NOT_AN_IMAGE, "The server has no content."
    else:
        verdict, message = Verdict.SERVER_ERROR, f"The server answered {status}."
    raise FetchError(verdict, message, retry_after=retry_after)


def _body(response: requests.Response, *, max_bytes: int, deadline: Deadline) -> bytes:
    """Read the body up to `max_bytes`; one that ends before the length it promised is an error of urllib3."""
    declared = response.headers.get("Content-Length", "")
    if "," in declared:
        raise FetchError(Verdict.CONNECTION_FAILED, "The server gives two lengths.")
    length = int(declared) if re.fullmatch(r"[0-9]{1,18}", declared) else None
    if length is not None and length > max_bytes:
        raise FetchError(Verdict.TOO_LARGE, f"The file of {length:,} bytes is larger than {max_bytes:,}.")
    body = bytearray()
    while chunk := response.raw.read1(CHUNK, decode_content=False):
        body += chunk
        if len(body) > max_bytes:
            raise FetchError(Verdict.TOO_LARGE, f"The file is larger than {max_bytes:,} bytes.")
    # A socket that was shut down reads like one that has come to its end.
    deadline.remaining(at_most=0)
    if length is None and not body:
        raise FetchError(Verdict.CONNECTION_FAILED, "The connection ended before anything came.")
    if not body:
        raise FetchError(Verdict.NOT_AN_IMAGE, "The server sent an empty file.")
    return bytes(body)


def _redirected(target: Target, location: str, *, allowed_hosts: Collection[str]) -> Target:
    """Return the next address, which goes through every check again."""
    # requests hands header bytes on as Latin-1; an address in UTF-8 must be read back.
    place = location.encode("latin-1", "replace").decode("utf-8", "replace")
    following = parse_target(urljoin(target.url, place), allowed_hosts=allowed_hosts)
    if target.is_https and not following.is_https:
        raise FetchError(Verdict.UNSAFE, "The server redirects from https to http.")
    return following


def _typed(error: Exception, *, deadline: Deadline) -> FetchError:
    """Return the failure as a FetchError with one plain sentence; addresses stay out of it."""
    if isinstance(error, FetchError):
        return error
    if deadline.has_passed or isinstance(error, DeadlinePassed | TimeoutError | requests.Timeout):
        return FetchError(Verdict.TIMEOUT, "The server took too long.")
    if isinstance(error, SSLError | requests.exceptions.SSLError):
        return FetchError(Verdict.TLS_ERROR, "The server's certificate or encryption is not valid.")
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return FetchError(Verdict.UNSAFE, "The address cannot be read.")
    return FetchError(Verdict.CONNECTION_FAILED, f"The connection failed ({type(error).__name__}).")
