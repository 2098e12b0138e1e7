"""Where the bytes of an address are that Beeper gave us, and which addresses are asked for at all.

`assets/serve` reads any file of the machine that Beeper runs on, with the rights of its owner. So an address is taken
apart, checked and put together again: what is asked for is what was checked.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from imports.beeper.connection import Connection
from media_store.fetching import FetchError
from media_store.models import PhotoJob

Verdict = PhotoJob.Verdict

UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
MATRIX = re.compile(r"(mxc|localmxc)://([A-Za-z0-9._:\-]{1,253})/([^\s#]+)")
# Below one of Beeper's own folders, or of whatever kind of media folder the media server shows.
OWN_MEDIA = re.compile(r"/\.?beeper[^/]*/(?:[^/]+/)*?media/(?P<rest>.+)", re.IGNORECASE)
ANY_MEDIA = re.compile(r"/media/(?P<rest>.+)")
WINDOWS = re.compile(r"[A-Za-z]:\\")
DATA = re.compile(r"data:[^,]{0,200},", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """What to ask: one GET, without redirects. Neither part may be shown to anybody, as both carry tokens."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def place_of(address: str, connection: Connection) -> Place:
    """Return where the bytes of a mxc:, localmxc: or file: address or a bare path are; raises FetchError (`unsafe`).

    The media server has what lies in the media folder, where there is one; everything else is asked of Beeper itself.
    """
    if address.startswith(("mxc:", "localmxc:")):
        return _served(_checked_matrix(address), connection)
    path = _local_path(address)
    if connection.media_server:
        return _on_media_server(path, connection)
    if OWN_MEDIA.search(path) is None:
        raise FetchError(Verdict.UNSAFE, "The file is not in Beeper's media folder.")
    return _served(f"file://{quote(path)}", connection)


def is_data(address: str) -> bool:
    return address[:5].lower() == "data:"


def read_data(address: str, *, max_bytes: int) -> bytes:
    """Return the bytes that stand in a data: address (RFC 2397); raises FetchError."""
    head = DATA.match(address)
    if head is None:
        raise FetchError(Verdict.NOT_AN_IMAGE, "The data: address cannot be read.")
    body = address[head.end() :]
    if len(body) > max_bytes * 4 // 3 + 1_000:
        raise FetchError(Verdict.TOO_LARGE, f"The picture is larger than {max_bytes:,} bytes.")
    if not head.group().lower().endswith(";base64,"):
        return unquote(body, encoding="latin-1").encode("latin-1", "ignore")
    try:
        return base64.b64decode(re.sub(r"\s", "", unquote(body)).encode(), validate=True)
    except (binascii.Error, ValueError):
        raise FetchError(Verdict.NOT_AN_IMAGE, "The data: address is not valid base64.") from None


def _served(address: str, connection: Connection) -> Place:
    """https://developers.beeper.com/desktop-api-reference/resources/assets/methods/serve"""
    url = f"{connection.base_url}/v1/assets/serve?url={quote(address, safe='')}"
    return Place(url, {"Authorization": f"Bearer {connection.access_token}"})


def _on_media_server(path: str, connection: Connection) -> Place:
    found = OWN_MEDIA.search(path) or ANY_MEDIA.search(path)
    if found is None:
        raise FetchError(Verdict.UNSAFE, "The file is not in the media folder.")
    token = f"?token={quote(connection.media_token, safe='')}" if connection.media_token else ""
    return Place(f"{connection.media_server}/{quote(found['rest'])}{token}", {})


def _checked_matrix(address: str) -> str:
    found = MATRIX.fullmatch(address)
    if found is None or UNSAFE.search(address):
        raise FetchError(Verdict.UNSAFE, "The address is not one of Beeper's.")
    _refuse_tricks(found[3].partition("?")[0])
    return address


def _local_path(address: str) -> str:
    """Return the absolute path that a file: address or a bare path names; raises FetchError."""
    path = address
    if address[:5].lower() == "file:":
        try:
            parts = urlsplit(address)
        except ValueError:
            raise FetchError(Verdict.UNSAFE, "The address cannot be read.") from None
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise FetchError(Verdict.UNSAFE, "The file is on another machine.")
        path = unquote(parts.path)
    elif WINDOWS.match(address):
        path = "/" + address.replace("\\", "/")
    if not path.startswith("/"):
        raise FetchError(Verdict.UNSAFE, "Only web, mxc:, localmxc:, data: and file: addresses are fetched.")
    _refuse_tricks(path[1:])
    return path


def _refuse_tricks(path: str) -> None:
    """Refuse a path that leads upwards or that another program could read as one that does, however it is encoded."""
    while True:
        if UNSAFE.search(path) or any(segment in ("", ".", "..") for segment in path.split("/")):
            raise FetchError(Verdict.UNSAFE, "The path leads out of its folder.")
        decoded = unquote(path)
        if decoded == path:
            return
        if decoded.count("/") != path.count("/"):
            raise FetchError(Verdict.UNSAFE, "The path hides a folder.")
        path = decoded
