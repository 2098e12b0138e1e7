"""Beeper Desktop on this machine: its REST API, a media server with a token, and a web host with avatars.

Follows developers.beeper.com/desktop-api-reference as the beeper-desktop-api package words it. No file of this machine
is ever read: what a real installation has on its disk is made up here, and other addresses are not found.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from tests.providers import photos, schemas
from tests.providers.chats import (
    MEDIA,
    MESSAGES,
    NETWORKS,
    Conversation,
    account_id,
    account_resource,
    chat_id,
    chat_resource,
    conversation,
    message_resource,
)
from tests.providers.exchange import Answer, Page, Request, picture
from tests.providers.opaque import seal, unseal
from tests.providers.serving import Route, StandIn, standing

MESSAGES_ON_PAGE = 20
PORTRAIT_SIZE = 320
CODES = {400: "VALIDATION_ERROR", 401: "UNAUTHORIZED", 404: "NOT_FOUND", 429: "RATE_LIMITED"}


class BeeperStandIn(StandIn):
    """`chats` of them on four networks, newest activity first, each with `messages`."""

    ROUTES = (
        Route("info", "GET", "/v1/info"),
        Route("accounts", "GET", "/v1/accounts"),
        Route("account", "GET", "/v1/accounts/(?P<account>[^/]+)"),
        Route("chats", "GET", "/v1/chats"),
        Route("chat", "GET", "/v1/chats/(?P<chat>[^/]+)"),
        Route("messages", "GET", "/v1/chats/(?P<chat>[^/]+)/messages"),
        Route("serve", "GET", "/v1/assets/serve"),
        Route("download", "POST", "/v1/assets/download"),
        Route("media", "GET", "/media/(?P<path>.+)"),
        Route("avatar", "GET", r"/avatars/(?P<key>[0-9-]+)\.jpg"),
    )

    def __init__(self, *, chats: int = 60, messages: int = MESSAGES, **options: Any) -> None:
        super().__init__(**options)
        self.access_token, self.media_token = "stand-in-token-beeper", "stand-in-token-media"
        self.chats = {number: conversation(number, messages=messages) for number in range(chats)}
        self._changing = threading.Lock()

    def settings(self) -> dict[str, str]:
        return {
            "BEEPER_BASE_URL": self.address,
            "BEEPER_ACCESS_TOKEN": self.access_token,
            "BEEPER_MEDIA_SERVER": f"{self.address}/media",
            "BEEPER_MEDIA_TOKEN": self.media_token,
            "PHOTO_ALLOWED_HOSTS": self.address.removeprefix("http://"),
        }

    # What a test changes.

    def add_message(self, number: int) -> None:
        """Let a message arrive: the chat is the most recently active one now."""
        with self._changing:
            chat = self.chats[number]
            chat.arrived.append(max(other.last_activity for other in self.chats.values()) + timedelta(minutes=1))

    def change_chat(self, number: int, **fields: Any) -> None:
        """Set keys of the chat as the API words them: title, isArchived, unreadCount, …"""
        self.chats[number].changed.update(fields)

    def change_picture(self, number: int) -> None:
        """Give the chat another picture at another address of the same kind."""
        self.chats[number].picture_version += 1

    def delete_chat(self, number: int) -> None:
        with self._changing:
            del self.chats[number]

    # The API.

    def answer_info(self, request: Request) -> Answer:
        """What is running here; the one address that wants no token."""
        oauth = ("authorization", "introspection", "registration", "revocation", "token", "userinfo")
        server = {"base_url": self.address, "hostname": "127.0.0.1", "port": int(self.address.rpartition(":")[2])}
        payload = {
            "app": {"bundle_id": "com.example.stand-in", "name": "Beeper stand-in", "version": "4.2.900"},
            "platform": {"arch": "arm64", "os": "darwin"},
            "server": {**server, "mcp_enabled": False, "remote_access": False, "status": "running"},
            "endpoints": {
                "mcp": f"{self.address}/v0/mcp",
                "spec": f"{self.address}/v1/spec",
                "ws_events": f"{self.address}/v1/ws".replace("http", "ws"),
                "oauth": {f"{name}_endpoint": f"{self.address}/oauth/{name}" for name in oauth},
            },
        }
        return Answer(payload=payload, shape="InfoRetrieveResponse")

    def answer_accounts(self, request: Request) -> Answer:
        accounts = [account_resource(network) for network in range(len(NETWORKS))]
        return self._allowed(request, lambda: Answer(payload=accounts, shape="list of Account"))

    def answer_account(self, request: Request, account: str) -> Answer:
        found = [account_resource(at) for at in range(len(NETWORKS)) if account_id(at) == account]
        return self._allowed(request, lambda: Answer(payload=found[0], shape="Account") if found else self._missing())

    def answer_chats(self, request: Request) -> Answer:
        """Newest activity first; `cursor` with `direction` before (older, the default) or after (newer)."""

        def listed() -> Answer:
            size = int(request.parameter("limit", "25"))
            if not 1 <= size <= 200:
                return self.refusal(400, "VALIDATION_ERROR", "limit must be between 1 and 200")
            wanted = set(request.parameters.get("accountIDs", ()))
            with self._changing:
                everyone = sorted(self.chats.values(), key=_activity, reverse=True)
            found = [chat for chat in everyone if not wanted or account_id(chat.network) in wanted]
            return self._paged(
                request,
                [(_activity(chat), chat) for chat in found],
                size,
                "page of ChatListResponse",
                lambda chat: chat_resource(chat, address=self.address),
            )

        return self._allowed(request, listed)

    def answer_chat(self, request: Request, chat: str) -> Answer:
        """One chat with 100 participants; `maxParticipantCount` 0 to 500, or -1 for all."""

        def one() -> Answer:
            found = self._chat(chat)
            shown = int(request.parameter("maxParticipantCount", "100"))
            if found is None:
                return self._missing()
            resource = chat_resource(found, address=self.address, shown=None if shown == -1 else shown)
            return Answer(payload=resource, shape="Chat")

        return self._allowed(request, one)

    def answer_messages(self, request: Request, chat: str) -> Answer:
        def listed() -> Answer:
            found = self._chat(chat)
            if found is None:
                return self._missing()
            rows = [([f"{at + 1:08d}"], at) for at in reversed(range(found.messages))]
            return self._paged(
                request,
                rows,
                MESSAGES_ON_PAGE,
                "page of Message",
                lambda at: message_resource(found, at, address=self.address),
            )

        return self._allowed(request, listed)

    def answer_serve(self, request: Request) -> Answer:
        """A file by its mxc://, localmxc:// or file:// address; whoever may ask can ask for anything."""

        def served() -> Answer:
            content = _media(request.parameter("url"))
            return self._missing() if content is None else _ranged(request, content, "application/octet-stream")

        return self._allowed(request, served)

    def answer_download(self, request: Request) -> Answer:
        """The local address of a downloaded file; a failure comes with 200 and `error`."""

        def downloaded() -> Answer:
            url = str(json.loads(request.body or b"{}").get("url", ""))
            if not url.startswith(("mxc://", "localmxc://")):
                return self.refusal(400, "VALIDATION_ERROR", "url must start with mxc:// or localmxc://")
            found = _media(url) is not None
            source = f"file://{MEDIA.replace(' ', '%20')}/local/{url.rpartition('/')[2]}"
            payload = {"srcURL": source} if found else {"error": "Failed to download the file"}
            return Answer(payload=payload, shape="AssetDownloadResponse")

        return self._allowed(request, downloaded)

    def answer_media(self, request: Request, path: str) -> Answer:
        """The media server: a file below Beeper's media folder, for whoever brings `?token=`."""
        if request.parameter("token") != self.media_token:
            return self.refusal(401, "UNAUTHORIZED", "Unauthorized")
        content = _media(f"file://{MEDIA}/{path}")
        return self._missing() if content is None else _ranged(request, content, "image/jpeg")

    def answer_avatar(self, request: Request, key: str) -> Answer:
        """A picture on the open web; no token may come along."""
        return picture(photos.portrait(f"beeper {key}", size=PORTRAIT_SIZE), "image/jpeg", etag=f'"{key}"')

    def _chat(self, identity: str) -> Conversation | None:
        return next((chat for chat in self.chats.values() if chat_id(chat.number) == identity), None)

    def _paged(
        self, request: Request, rows: list[tuple[Any, Any]], size: int, shape: str, resource: Callable[[Any], Any]
    ) -> Answer:
        """Return one page of `rows`, pairs of a sort key and what `resource` shows, newest first."""
        key = None
        if token := request.parameter("cursor"):
            key = (unseal(token) or {}).get("key")
            if key is None:
                return self.refusal(400, "VALIDATION_ERROR", "cursor is not valid")
        is_newer = request.parameter("direction") == "after" and key is not None
        beyond = [row for row in rows if key is None or (row[0] > key if is_newer else row[0] < key)]
        found = beyond[-size:] if is_newer else beyond[:size]
        payload = {
            "items": [resource(what) for _, what in found],
            "hasMore": len(beyond) > size,
            "oldestCursor": seal(key=found[-1][0]) if found else None,
            "newestCursor": seal(key=found[0][0]) if found else None,
        }
        here = seal(key=key if key is not None else [*rows[0][0][:-1], "~"] if rows else [])
        return Answer(payload=payload, shape=shape, page=Page("items", "oldestCursor", here, more={"hasMore": True}))

    def _allowed(self, request: Request, answer: Callable[[], Answer]) -> Answer:
        if request.bearer != self.access_token:
            return self.refusal(401, "UNAUTHORIZED", "Missing or invalid access token")
        return answer()

    def _missing(self) -> Answer:
        return self.refusal(404, "NOT_FOUND", "Not found")

    def refusal(self, status: int, reason: str, message: str, *, retry_after: float | None = None) -> Answer:
        payload = {"code": CODES.get(status, "INTERNAL_ERROR"), "message": message}
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return Answer(status, payload, headers=headers, shape="Error")

    def check(self, answer: Answer) -> None:
        kind, _, model = answer.shape.rpartition(" of ")
        if kind == "list":
            for item in answer.payload:
                schemas.check_beeper(json.dumps(item).encode(), model=model)
        else:
            schemas.check_beeper(answer.content(), model=model or answer.shape, is_page=kind == "page")


def _activity(chat: Conversation) -> list[Any]:
    return [chat.last_activity.isoformat(), f"{chat.number:08d}"]


def _media(address: str) -> bytes | None:
    """Return the file that Beeper would have at `address`; None where there is none."""
    scheme, _, rest = unquote(address).partition("://")
    folder, _, name = rest.rpartition("/")
    known = {"mxc": ("beeper.local",), "localmxc": ("local-whatsapp",), "file": (f"{MEDIA}/local",)}
    if folder not in known.get(scheme, ()) or name.startswith("missing-"):
        return None
    if name.startswith("html-"):
        return b"<!doctype html><title>Sign in to the network first</title>"
    return photos.portrait(f"beeper {name}", size=PORTRAIT_SIZE)


def _ranged(request: Request, content: bytes, content_type: str) -> Answer:
    """Return `content`, or the single range of it that was asked for: 206, 416 beyond the end."""
    unit, _, span = request.headers.get("Range", "").partition("=")
    first, _, last = span.partition("-")
    if unit != "bytes" or not (first.isdigit() or last.isdigit()):
        return Answer(body=content, content_type=content_type, headers={"Accept-Ranges": "bytes"})
    start = int(first) if first else max(0, len(content) - int(last))
    end = min(int(last) + 1, len(content)) if first and last else len(content)
    if start >= end:
        return Answer(416, headers={"Content-Range": f"bytes */{len(content)}"}, content_type=content_type)
    headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}", "Accept-Ranges": "bytes"}
    return Answer(206, body=content[start:end], content_type=content_type, headers=headers)


@contextmanager
def beeper_stand_in(**options: Any) -> Iterator[BeeperStandIn]:
    """Run a BeeperStandIn for the block; AssertionError at its end when an answer broke the package's models."""
    with standing(BeeperStandIn(**options)) as stand_in:
        yield stand_in
