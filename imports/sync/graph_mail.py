"""Outlook mail through Microsoft Graph: a delta for the inbox and one for what was sent.

https://learn.microsoft.com/graph/delta-query-messages
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from contacts.recording import Message
from imports.accounts.sessions import ProviderRefusal
from imports.sync.headers import Fields, Unusable, fields_of, to_message
from imports.sync.pages import Cursor, Page, Reading

FOLDERS = ("inbox", "sentitems")
FIELDS = (
    "from,toRecipients,ccRecipients,bccRecipients,subject,receivedDateTime,sentDateTime,conversationId,"
    "internetMessageId,internetMessageHeaders,isDraft"
)
HEADERS = {"Prefer": 'IdType="ImmutableId", odata.maxpagesize=200'}
LOST = frozenset({"SyncStateNotFound", "resyncRequired", "syncStateNotFound", "SyncStateInvalid"})


class GraphMail(Reading):
    """The mailbox of one account since `since`, or what changed since the delta links of an earlier run (`known`).

    A delta that Graph has forgotten is begun again from `since`.
    """

    name = "mail"

    def pages(self, cursor: Cursor) -> Iterator[Page[Message]]:
        place = cursor or {"folder": FOLDERS[0], "link": self.known.get(FOLDERS[0], ""), "done": {}}
        while True:
            page = self._page(place)
            yield page
            if page.account_cursor is not None:
                return
            place = page.cursor

    def _page(self, place: Cursor) -> Page[Message]:
        folder, done = place["folder"], place["done"]
        answer = self._asked(folder, place["link"])
        messages, seen, left_out = self._read(answer.get("value", []), is_outbound=folder == "sentitems")
        following = answer.get("@odata.nextLink")
        if following:
            return Page(messages, {**place, "link": following}, seen, left_out)
        done = {**done, folder: answer["@odata.deltaLink"]}
        left = [name for name in FOLDERS if name not in done]
        if not left:
            return Page(messages, {}, seen, left_out, account_cursor=done)
        return Page(messages, {"folder": left[0], "link": self.known.get(left[0], ""), "done": done}, seen, left_out)

    def _asked(self, folder: str, link: str) -> dict[str, Any]:
        if link:
            try:
                return self.session.follow(link, headers=HEADERS)
            except ProviderRefusal as refusal:
                if refusal.status != 410 and not refusal.reasons & LOST:
                    raise
        since = self.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = urlencode({"$select": FIELDS, "$filter": f"receivedDateTime ge {since}"})
        return self.session.get(f"/v1.0/me/mailFolders/{folder}/messages/delta?{query}", headers=HEADERS)

    def _read(self, items: list[dict[str, Any]], *, is_outbound: bool) -> tuple[list[Message], int, Counter[str]]:
        messages: list[Message] = []
        left_out: Counter[str] = Counter()
        # A removed message has been read already, or nobody's time was spent on it; drafts are not yet said.
        present = [item for item in items if "@removed" not in item and not item.get("isDraft")]
        for item in present:
            try:
                messages.append(self._message(item, is_outbound=is_outbound))
            except Unusable as problem:
                left_out[str(problem)] += 1
        return messages, len(present), left_out

    def _message(self, item: dict[str, Any], *, is_outbound: bool) -> Message:
        when = item.get("sentDateTime" if is_outbound else "receivedDateTime")
        return to_message(
            _fields(item),
            own=self.own,
            now=self.now,
            external_id=f"graph:{item['id']}",
            thread_id=f"graph:{item['conversationId']}" if item.get("conversationId") else "",
            sent_at=datetime.fromisoformat(when) if when else None,
            is_outbound=is_outbound,
        )


def _fields(item: dict[str, Any]) -> Fields:
    """Return the message as if it had been read from its header fields."""
    headers = item.get("internetMessageHeaders") or []
    fields = fields_of((header["name"], header["value"]) for header in headers)
    parts = {"from": [item.get("from")], "to": item.get("toRecipients"), "cc": item.get("ccRecipients")}
    for name, people in {**parts, "bcc": item.get("bccRecipients")}.items():
        addresses = [((person or {}).get("emailAddress") or {}).get("address") for person in people or []]
        fields[name] = [address for address in addresses if address]
    fields["subject"] = [item.get("subject") or ""]
    if item.get("internetMessageId"):
        fields["message-id"] = [item["internetMessageId"]]
    return fields
