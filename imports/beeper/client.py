"""The API of Beeper Desktop, as far as we read it. https://developers.beeper.com/desktop-api-reference"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests
from urllib3.exceptions import HTTPError

from config.jobs.failures import (
    CursorFailure,
    PermanentFailure,
    PermissionFailure,
    TemporaryFailure,
    parse_retry_after,
)
from imports.accounts.transport import as_failure, guard
from imports.beeper.connection import Connection
from media_store.transport import DeadlinePassed

SECONDS = 30.0
MAX_BYTES = 32 * 1024 * 1024
CHATS_ON_PAGE = 200
PEOPLE_MOST = 500

Item = dict[str, Any]


class NotThere(PermanentFailure):
    """404: a chat that is gone."""


@dataclass(frozen=True)
class ApiPage:
    """One page of a list, newest first; `older` and `newer` lead on, None where the API gives no cursor."""

    items: list[Item]
    has_more: bool
    older: str | None
    newer: str | None


class Client:
    """Asks one Beeper. Every failure is one of config.jobs.failures; no message holds an address or token.

    One client is for one thread, as its connection is kept open.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._session = guard(requests.Session(), seconds=SECONDS, max_bytes=MAX_BYTES)
        self._session.headers["Authorization"] = f"Bearer {connection.access_token}"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def accounts(self) -> list[Item]:
        """GET /v1/accounts: the accounts on the networks that this Beeper is signed in to."""
        answer = self._get("/v1/accounts")
        return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []

    def chats(self, *, cursor: str = "", direction: str = "before") -> ApiPage:
        """GET /v1/chats: the most recently active, or those beyond `cursor`; CursorFailure for an unknown one."""
        query = {"limit": str(CHATS_ON_PAGE), **({"cursor": cursor, "direction": direction} if cursor else {})}
        return self._page("/v1/chats", query)

    def chat(self, chat_id: str) -> Item:
        """GET /v1/chats/{id} with up to 500 people; raises NotThere."""
        answer = self._get(f"/v1/chats/{_segment(chat_id)}", {"maxParticipantCount": str(PEOPLE_MOST)})
        return answer if isinstance(answer, dict) else {}

    def messages(self, chat_id: str, *, cursor: str = "") -> ApiPage:
        """GET /v1/chats/{id}/messages: the newest, or those older than `cursor`; raises NotThere."""
        return self._page(f"/v1/chats/{_segment(chat_id)}/messages", {"cursor": cursor} if cursor else {})

    def _page(self, path: str, query: Mapping[str, str]) -> ApiPage:
        answer = self._get(path, query)
        items = answer.get("items") if isinstance(answer, dict) else None
        if not isinstance(items, list):
            raise TemporaryFailure("Beeper's answer is no list.", code="bad_answer")
        return ApiPage(items, bool(answer.get("hasMore")), _text(answer, "oldestCursor"), _text(answer, "newestCursor"))

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        try:
            response = self._session.get(f"{self.connection.base_url}{path}", params=dict(query or {}))
        except (requests.RequestException, HTTPError, OSError, ValueError, DeadlinePassed) as error:
            raise as_failure(error, provider="Beeper") from None
        if response.status_code != 200:
            raise _failure(response, has_cursor="cursor" in (query or {}))
        try:
            return json.loads(response.content)
        except ValueError:
            raise TemporaryFailure("Beeper's answer cannot be read.", code="bad_answer") from None


def _failure(response: requests.Response, *, has_cursor: bool) -> Exception:
    status = response.status_code
    if status in (401, 403):
        return PermissionFailure("Beeper does not accept the token any more: connect it again.", code="unauthorized")
    if status == 404:
        return NotThere("There is no such thing in Beeper.", code="not_found")
    if status in (400, 410, 422) and has_cursor:
        return CursorFailure("Beeper does not know the place any more that we had reached.", code="bad_cursor")
    retry_after = parse_retry_after(response.headers.get("Retry-After", ""), now=datetime.now(UTC))
    if status == 429:
        return TemporaryFailure("Beeper asks us to wait.", code="rate_limited", retry_after=retry_after)
    if status >= 500:
        return TemporaryFailure(f"Beeper answered {status}.", code="server_error", retry_after=retry_after)
    return PermanentFailure(f"Beeper answered {status}.", code="refused")


def _segment(text: str) -> str:
    """Return an id as one segment of a path: what comes from the other side must not lead to another address."""
    return quote(text, safe="").replace(".", "%2E") if set(text) <= {"."} else quote(text, safe="")


def _text(answer: Mapping[str, Any], key: str) -> str | None:
    value = answer.get(key)
    return value if isinstance(value, str) and value else None
