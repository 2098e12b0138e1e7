"""Gmail: ids from the list or the history, then each message's header fields, never its text.

https://developers.google.com/workspace/gmail/api/guides/sync
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from contacts.recording import Message
from imports.accounts.sessions import ProviderRefusal
from imports.sync.headers import WANTED, Unusable, fields_of, to_message
from imports.sync.pages import Cursor, Page, Reading

LIST, HISTORY = "list", "history"
# One message costs 5 units of 15,000 a minute; more than a few at once gets "too many concurrent requests".
# https://developers.google.com/workspace/gmail/api/reference/quota
AT_ONCE = 6
PAGE = 200
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
                if place["from"] != HISTORY or refusal.status != 404:
                    raise
                place = {"from": LIST, "next_history": place["next_history"]}
                continue
            yield page
            if page.account_cursor is not None:
                return
            place = page.cursor

    def _beginning(self) -> Cursor:
        newest = str(self.session.get(f"{MAIL}/profile")["historyId"])
        history_id = self.known.get("history_id")
        if history_id:
            return {"from": HISTORY, "history_id": history_id, "next_history": newest}
        return {"from": LIST, "next_history": newest}

    def _page(self, place: Cursor) -> Page[Message]:
        listed = self._history(place) if place["from"] == HISTORY else self._list(place)
        ids = list(dict.fromkeys(_ids(listed, is_history=place["from"] == HISTORY)))
        messages, left_out = self._read(ids)
        token = listed.get("nextPageToken")
        account_cursor = None if token else {"history_id": place["next_history"]}
        return Page(messages, {**place, "page": token}, len(ids), left_out, account_cursor)

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
        messages: list[Message] = []
        left_out: Counter[str] = Counter()
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for found in threads.map(self._fetch, ids):
                try:
                    message = self._message(found) if found else None
                except Unusable as problem:
                    left_out[str(problem)] += 1
                else:
                    messages += [message] if message else []
        return messages, left_out

    def _fetch(self, message_id: str) -> dict[str, Any] | None:
        """Return the message's header fields; None when it has been deleted since it was listed."""
        try:
            wanted = {"format": "metadata", "metadataHeaders": WANTED}
            return self.session.get(f"{MAIL}/messages/{message_id}", params=wanted)
        except ProviderRefusal as refusal:
            if refusal.status == 404:
                return None
            raise

    def _message(self, found: dict[str, Any]) -> Message | None:
        labels = set(found.get("labelIds", []))
        if labels & SKIPPED_LABELS:
            return None
        headers = found.get("payload", {}).get("headers", [])
        return to_message(
            fields_of((header["name"], header["value"]) for header in headers),
            own=self.own,
            now=self.now,
            external_id=f"gmail:{found['id']}",
            thread_id=f"gmail:{found['threadId']}",
            sent_at=datetime.fromtimestamp(int(found["internalDate"]) / 1_000, UTC),
            is_outbound="SENT" in labels,
        )


def _with_page(parameters: dict[str, Any], place: Cursor) -> dict[str, Any]:
    return {**parameters, "pageToken": place["page"]} if place.get("page") else parameters


def _ids(listed: dict[str, Any], *, is_history: bool) -> Iterable[str]:
    if not is_history:
        return (message["id"] for message in listed.get("messages", []))
    entries = (added["message"] for record in listed.get("history", []) for added in record.get("messagesAdded", []))
    return (message["id"] for message in entries)
