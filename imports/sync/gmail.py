"""Gmail: ids from the list or the history, then each message's header fields, never its text.

https://developers.google.com/workspace/gmail/api/guides/sync
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from contacts.recording import Message
from imports.accounts.sessions import ProviderRefusal
from imports.answers import Object, identity, misshapen, texts
from imports.sync.headers import WANTED, Unusable, fields_of, to_message
from imports.sync.pages import Cursor, Page, Reading
from imports.sync.shapes import (
    Misshapen,
    as_object,
    bad_page,
    identity_of,
    items_of,
    part,
    parts,
    place_in,
    read_each,
    words,
)

LIST, HISTORY = "list", "history"
# One message costs 5 units of 15,000 a minute; more than a few at once gets "too many concurrent requests".
# https://developers.google.com/workspace/gmail/api/reference/quota
AT_ONCE = 6
PAGE = 200
GOOGLE = "Google"
UNREADABLE = "a message that cannot be read"
SKIPPED_LABELS = frozenset({"SPAM", "TRASH", "DRAFT", "CHAT"})
MAIL = "/gmail/v1/users/me"


class Gmail(Reading):
    """The mailbox of one account since `since`, or, with the `history_id` of an earlier run, what is new in it.

    The place from which the next run goes on is taken before the first list, so that what arrives meanwhile comes
    twice rather than never. A history that Gmail no longer knows is replaced by the list since `since`.
    """

    name = "mail"

    def pages(self, cursor: Cursor) -> Iterator[Page[Message]]:
        place = cursor or self._beginning()
        while True:
            try:
                page = self._page(place)
            except ProviderRefusal as refusal:
                if place["from"] != HISTORY or refusal.status not in (400, 404):
                    raise
                place = {"from": LIST, "next_history": place["next_history"]}
                continue
            yield page
            if page.account_cursor is not None:
                return
            place = page.cursor

    def _beginning(self) -> Cursor:
        newest = place_in(self.session.get(f"{MAIL}/profile"), "historyId", provider=GOOGLE)
        if not newest.isdecimal():
            raise bad_page(GOOGLE)
        history_id = self.known.get("history_id")
        if history_id:
            return {"from": HISTORY, "history_id": history_id, "next_history": newest}
        return {"from": LIST, "next_history": newest}

    def _page(self, place: Cursor) -> Page[Message]:
        is_history = place["from"] == HISTORY
        listed = self._history(place) if is_history else self._list(place)
        token = place_in(listed, "nextPageToken", provider=GOOGLE)
        account_cursor = None if token else {"history_id": place["next_history"]}
        named, unknown = read_each(_messages_of(listed, is_history=is_history), _id, unreadable=UNREADABLE)
        ids = list(dict.fromkeys(named))
        messages, left_out = self._read(ids)
        seen = len(ids) + unknown.total()
        return Page(messages, {**place, "page": token}, seen, left_out + unknown, account_cursor)

    def _list(self, place: Cursor) -> dict[str, Any]:
        wanted: dict[str, Any] = {"maxResults": PAGE, "q": f"after:{int(self.since.timestamp())}"}
        return self.session.get(f"{MAIL}/messages", params=_with_page(wanted, place))

    def _history(self, place: Cursor) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            "maxResults": PAGE,
            "startHistoryId": place["history_id"],
            "historyTypes": "messageAdded",
        }
        return self.session.get(f"{MAIL}/history", params=_with_page(wanted, place))

    def _read(self, ids: list[str]) -> tuple[list[Message], Counter[str]]:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = [answer for answer in threads.map(self._fetch, ids) if answer is not None]
        return read_each(found, self._message, unreadable=UNREADABLE)

    def _fetch(self, message_id: str) -> dict[str, Any] | None:
        """Return the message's header fields: None when it has been deleted since it was listed, {} for a wrong id."""
        try:
            wanted = {"format": "metadata", "metadataHeaders": WANTED}
            return self.session.get(f"{MAIL}/messages/{quote(message_id, safe='')}", params=wanted)
        except ProviderRefusal as refusal:
            if refusal.status in (400, 404):
                return None if refusal.status == 404 else {}
            raise

    def _message(self, found: Object) -> Message | None:
        if misshapen(found, lists=["labelIds"]):
            raise Misshapen
        labels = set(texts(found, "labelIds"))
        if labels & SKIPPED_LABELS:
            return None
        headers = parts(part(found, "payload"), "headers")
        thread_id = words(found, "threadId")
        return to_message(
            fields_of((words(header, "name"), words(header, "value")) for header in headers),
            own=self.own,
            now=self.now,
            external_id=f"gmail:{identity_of(found)}",
            thread_id=f"gmail:{thread_id}" if thread_id else "",
            sent_at=_sent_at(words(found, "internalDate")),
            is_outbound="SENT" in labels,
        )


def _with_page(parameters: dict[str, Any], place: Cursor) -> dict[str, Any]:
    return {**parameters, "pageToken": place["page"]} if place.get("page") else parameters


def _messages_of(listed: Object, *, is_history: bool) -> list[Any]:
    """Return what should be messages with an id; None for a record that cannot be read."""
    # Without messages there is no list, but a history still has its id and a list its estimate.
    if not listed:
        raise bad_page(GOOGLE)
    if not is_history:
        return items_of(listed, "messages", provider=GOOGLE, is_optional=True)
    found: list[Any] = []
    for record in items_of(listed, "history", provider=GOOGLE, is_optional=True):
        try:
            found += [part(added, "message") for added in parts(as_object(record), "messagesAdded")]
        except Misshapen:
            found.append(None)
    return found


def _id(message: Object) -> str:
    found = identity(message, "id")
    if not found:
        raise Misshapen
    return found


def _sent_at(milliseconds: str) -> datetime | None:
    """Return the time that Gmail gives in milliseconds since 1970; None for ""."""
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1_000, UTC) if milliseconds else None
    except (ValueError, OverflowError, OSError):
        raise Unusable("an impossible date") from None
