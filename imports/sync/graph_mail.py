"""Outlook mail through Microsoft Graph: a delta for the inbox and one for what was sent.

https://learn.microsoft.com/graph/delta-query-messages
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from functools import partial
from typing import Any
from urllib.parse import urlencode

from config.jobs.failures import PermanentFailure
from contacts.recording import Message
from imports.accounts.sessions import ProviderRefusal
from imports.answers import Object
from imports.sync.headers import Fields, fields_of, to_message
from imports.sync.pages import Cursor, Page, Reading
from imports.sync.shapes import (
    bad_page,
    flag,
    identity_of,
    items_of,
    moment,
    part,
    parts,
    place_in,
    read_each,
    words,
)

FOLDERS = ("inbox", "sentitems")
FIELDS = (
    "from,toRecipients,ccRecipients,bccRecipients,subject,receivedDateTime,sentDateTime,conversationId,"
    "internetMessageId,internetMessageHeaders,isDraft"
)
HEADERS = {"Prefer": 'IdType="ImmutableId", odata.maxpagesize=200'}
MICROSOFT = "Microsoft"
UNREADABLE = "a message that cannot be read"
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
        items, following, end = parts_of(self._asked(folder, place["link"]))
        messages, left_out = read_each(
            items, partial(self._message, is_outbound=folder == "sentitems"), unreadable=UNREADABLE
        )
        seen = len(messages) + left_out.total()
        if following:
            return Page(messages, {**place, "link": following}, seen, left_out)
        done = {**done, folder: end}
        left = [name for name in FOLDERS if name not in done]
        if not left:
            return Page(messages, {}, seen, left_out, account_cursor=done)
        return Page(messages, {"folder": left[0], "link": self.known.get(left[0], ""), "done": done}, seen, left_out)

    def _asked(self, folder: str, link: str) -> dict[str, Any]:
        if link:
            try:
                return self.session.follow(link, headers=HEADERS)
            except PermanentFailure as refusal:
                if not is_forgotten(refusal, is_old=link == self.known.get(folder)):
                    raise
        since = self.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = urlencode({"$select": FIELDS, "$filter": f"receivedDateTime ge {since}"})
        return self.session.get(f"/v1.0/me/mailFolders/{folder}/messages/delta?{query}", headers=HEADERS)

    def _message(self, item: Object, *, is_outbound: bool) -> Message | None:
        """Return the message; None for a removed one, which nobody's time was spent on, and for an unsent draft."""
        if "@removed" in item or flag(item, "isDraft"):
            return None
        conversation_id = words(item, "conversationId")
        return to_message(
            _fields(item),
            own=self.own,
            now=self.now,
            external_id=f"graph:{identity_of(item)}",
            thread_id=f"graph:{conversation_id}" if conversation_id else "",
            sent_at=moment(words(item, "sentDateTime" if is_outbound else "receivedDateTime")),
            is_outbound=is_outbound,
        )


def parts_of(answer: Object) -> tuple[list[Any], str, str]:
    """Return the items, the next link and the delta link of a page; one that has neither link cannot be relied on."""
    following, end = (place_in(answer, f"@odata.{name}Link", provider=MICROSOFT) for name in ("next", "delta"))
    if not (following or end):
        raise bad_page(MICROSOFT)
    return items_of(answer, "value", provider=MICROSOFT), following, end


def is_forgotten(refusal: PermanentFailure, *, is_old: bool) -> bool:
    """Say whether a link leads nowhere any more, as one `is_old` (of a run that is over) does when it is refused."""
    is_lost = isinstance(refusal, ProviderRefusal) and (refusal.status == 410 or bool(refusal.reasons & LOST))
    return is_old or is_lost


def _fields(item: Object) -> Fields:
    """Return the message as if it had been read from its header fields."""
    headers = parts(item, "internetMessageHeaders")
    fields = fields_of((words(header, "name"), words(header, "value")) for header in headers)
    people = {name: parts(item, f"{name}Recipients") for name in ("to", "cc", "bcc")}
    for name, persons in {"from": [part(item, "from")], **people}.items():
        addresses = [words(person, "emailAddress", "address") for person in persons]
        fields[name] = [address for address in addresses if address]
    fields["subject"] = [words(item, "subject")]
    if message_id := words(item, "internetMessageId"):
        fields["message-id"] = [message_id]
    return fields
