"""Files of messages, streamed from where they are: nothing is kept here.

Only the address of our own row is asked for. Beeper's own addresses go to the media server or to Beeper, which know no
redirects for us; a web address goes through the guarded fetcher.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from django.conf import settings
from urllib3.exceptions import HTTPError

from config.jobs.failures import JobFailure
from contacts.models import ChatAttachment
from imports.beeper.connection import connection_of
from imports.beeper.media import Place, is_data, place_of, read_data
from imports.models import ProviderAccount
from media_store.fetching import FetchError, fetch
from media_store.models import PhotoJob
from media_store.ranges import Unsatisfiable, read_range
from media_store.transport import Deadline, DeadlinePassed, PinnedAdapter, resolve

Verdict = PhotoJob.Verdict

CHUNK = 65_536
CONNECT_SECONDS, READ_SECONDS = 3.0, 20.0
WHOLE_MOST = 26_214_400
"""Of a file that is read as a whole before it is sent on: one from the web, or one in a data: address."""

PASSED_ON = ("Content-Length", "Content-Range", "Accept-Ranges", "ETag", "Last-Modified")
ONE_RANGE = re.compile(r"bytes=(\d{1,15}-\d{0,15}|-\d{1,15})")

# What went wrong there, in the terms of this server. Its own words are not passed on.
ERRORS = {
    401: (502, "Beeper does not accept our token any more."),
    403: (502, "Beeper does not accept our token any more."),
    404: (404, "The file is no longer there."),
    410: (404, "The file is no longer there."),
    429: (503, "Beeper asks us to wait."),
}


class AttachmentError(Exception):
    """There is no file to send: `status` for the browser and one plain sentence, without an address."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Stream:
    """An answer that is on its way: pass `chunks` on and `close` it, whatever happens."""

    status: int
    headers: dict[str, str]
    chunks: Iterator[bytes]
    _stack: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        self._stack.close()


def open_attachment(attachment: ChatAttachment, *, range_header: str = "") -> Stream:
    """Return the file, or the single range of it that was asked for; raises AttachmentError. No transaction is open."""
    address = attachment.source_url
    wanted = range_header if ONE_RANGE.fullmatch(range_header) else ""
    try:
        if is_data(address):
            return _from_memory(read_data(address, max_bytes=WHOLE_MOST), wanted)
        if address.lower().startswith(("http://", "https://")):
            return _from_memory(_from_web(address), wanted)
        return _streamed(place_of(address, connection_of(_account(attachment))), wanted)
    except FetchError as error:
        raise _of_verdict(error) from None
    except JobFailure as failure:
        raise AttachmentError(502, str(failure)) from None


def _account(attachment: ChatAttachment) -> ProviderAccount:
    accounts = ProviderAccount.objects.exclude(state=ProviderAccount.State.DISCONNECTED)
    rows = accounts.filter(pk=attachment.chat.account_key, owner_id=attachment.owner_id)
    account: ProviderAccount | None = rows.first()
    if account is None:
        raise AttachmentError(404, "The account that the file came from is not connected any more.")
    return account


def _from_web(address: str) -> bytes:
    found = fetch(
        address,
        allowed_hosts=settings.PHOTO_ALLOWED_HOSTS,
        max_bytes=min(WHOLE_MOST, settings.ATTACHMENT_MAX_BYTES),
        deadline_seconds=min(settings.PHOTO_DEADLINE_SECONDS, settings.ATTACHMENT_DEADLINE_SECONDS),
    )
    return found.content or b""


def _from_memory(content: bytes, range_header: str) -> Stream:
    size = len(content)
    try:
        part = read_range(range_header, size=size)
    except Unsatisfiable:
        raise AttachmentError(416, f"The file has {size:,} bytes.") from None
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(part.length if part else size)}
    if part is None:
        return Stream(200, headers, iter([content]))
    return Stream(206, {**headers, "Content-Range": part.content_range}, iter([content[part.start : part.end + 1]]))


def _streamed(place: Place, range_header: str) -> Stream:
    """Ask the one server, without redirects, proxies or cookies, and leave the body to be read by whoever sends it."""
    with ExitStack() as stack:
        deadline = stack.enter_context(Deadline(settings.ATTACHMENT_DEADLINE_SECONDS))
        response = stack.enter_context(_request(place, range_header, deadline, stack))
        if response.status_code not in (200, 206):
            raise _of_status(response.status_code)
        headers = {name: response.headers[name] for name in PASSED_ON if name in response.headers}
        headers = {name: value for name, value in headers.items() if value.isascii() and value.isprintable()}
        declared = headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > settings.ATTACHMENT_MAX_BYTES:
            raise AttachmentError(413, f"The file is larger than {settings.ATTACHMENT_MAX_BYTES:,} bytes.")
        return Stream(response.status_code, headers, _chunks(response, deadline), stack.pop_all())


def _request(place: Place, range_header: str, deadline: Deadline, stack: ExitStack) -> requests.Response:
    parts = urlsplit(place.url)
    is_https = parts.scheme == "https"
    try:
        port = parts.port or (443 if is_https else 80)
        address = resolve(parts.hostname or "", port, seconds=deadline.remaining(CONNECT_SECONDS))[0]
        session = stack.enter_context(requests.Session())
        session.trust_env = False
        adapter = PinnedAdapter(address, is_named=True, deadline=deadline, is_https=is_https)
        session.mount(f"{parts.scheme}://", adapter)
        return session.get(
            place.url,
            headers={
                **place.headers,
                "Host": parts.netloc,
                "Accept-Encoding": "identity",
                **({"Range": range_header} if range_header else {}),
            },
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            stream=True,
            allow_redirects=False,
        )
    except (requests.RequestException, HTTPError, OSError, ValueError, DeadlinePassed) as error:
        is_late = deadline.has_passed or isinstance(error, TimeoutError | requests.Timeout)
        message = "Beeper took too long." if is_late else "Beeper cannot be reached just now."
        raise AttachmentError(504 if is_late else 502, message) from None


def _chunks(response: requests.Response, deadline: Deadline) -> Iterator[bytes]:
    """Give the body up to the limit; what is cut short ends the connection, so that nobody takes it for the whole."""
    sent = 0
    while True:
        try:
            deadline.remaining(at_most=0)
            chunk = response.raw.read1(CHUNK, decode_content=False)
            deadline.remaining(at_most=0)
        except (HTTPError, OSError, ValueError, DeadlinePassed):
            raise ConnectionResetError("The file was cut short on its way.") from None
        if not chunk:
            return
        sent += len(chunk)
        if sent > settings.ATTACHMENT_MAX_BYTES:
            raise ConnectionResetError("The file is larger than the limit.")
        yield chunk


def _of_status(status: int) -> AttachmentError:
    if status == 416:
        return AttachmentError(416, "The file has no such part.")
    code, message = ERRORS.get(status, (502, "Beeper cannot give the file just now."))
    return AttachmentError(code, message)


def _of_verdict(error: FetchError) -> AttachmentError:
    statuses: dict[str, int] = {
        Verdict.GONE: 404,
        Verdict.UNSAFE: 404,
        Verdict.TOO_LARGE: 413,
        Verdict.TIMEOUT: 504,
        Verdict.RATE_LIMITED: 503,
    }
    return AttachmentError(statuses.get(error.verdict, 502), str(error))
