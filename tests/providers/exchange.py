"""One request and its answer, as the stand-ins see them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, parse_qsl


@dataclass(slots=True)
class Request:
    """What a client asked. `route` is the name under which faults are scripted; `path` has no query."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes
    at: float
    route: str = ""
    status: int = 0

    @property
    def parameters(self) -> dict[str, list[str]]:
        return parse_qs(self.query, keep_blank_values=True)

    def parameter(self, name: str, default: str = "") -> str:
        return self.parameters.get(name, [default])[0]

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def form_values(self, name: str) -> list[str]:
        return parse_qs(self.body.decode()).get(name, [])

    @property
    def bearer(self) -> str:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if kind.casefold() == "bearer" else ""

    @property
    def basic(self) -> tuple[str, str] | None:
        kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if kind.casefold() != "basic":
            return None
        name, _, password = base64.b64decode(encoded).decode().partition(":")
        return name, password


@dataclass(frozen=True, slots=True)
class Page:
    """How an answer is one page of several, so that faults can empty or repeat it.

    `here` is what `next_key` would hold on a page before this one; `last_keys` are those of a last page only; `more` is
    what else a page says that is not the last.
    """

    items_key: str
    next_key: str
    here: Any
    last_keys: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    is_absent_when_empty: bool = False


@dataclass(slots=True)
class Answer:
    """What goes back. `payload` is sent as JSON; `shape` names the schema it must fit, "" for none.

    `cut_after` ends the connection after so many bytes of the body; `drip` is the seconds between a few bytes.
    """

    status: int = 200
    payload: Any = None
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    shape: str = ""
    page: Page | None = None
    cut_after: int | None = None
    drip: float = 0.0

    def content(self) -> bytes:
        if self.body or self.payload is None:
            return self.body
        return json.dumps(self.payload, ensure_ascii=False).encode()


def page_of_html(html: str, *, status: int = 200) -> Answer:
    return Answer(status, body=html.encode(), content_type="text/html; charset=utf-8")


def redirect(location: str) -> Answer:
    return Answer(302, headers={"Location": location, "Cache-Control": "no-store"}, content_type="text/html")


def picture(content: bytes, content_type: str, *, etag: str = "") -> Answer:
    return Answer(body=content, content_type=content_type, headers={"ETag": etag} if etag else {})
