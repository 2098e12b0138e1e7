"""The Gmail API of the Google stand-in: profile, list, history and the header fields of a message.

https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages and …/users.history
"""

from __future__ import annotations

import re
from email.utils import format_datetime
from typing import Any

from tests.providers import schemas
from tests.providers.exchange import Answer, Page, Request
from tests.providers.mailbox import Letter, Shelf
from tests.providers.opaque import fingerprint, seal, unseal
from tests.providers.serving import Route, StandIn

GMAIL = "https://www.googleapis.com/auth/gmail.readonly"
ROUTES = (
    Route("profile", "GET", "/gmail/v1/users/me/profile"),
    Route("messages", "GET", "/gmail/v1/users/me/messages"),
    Route("message", "GET", "/gmail/v1/users/me/messages/(?P<key>[0-9a-f]+)"),
    Route("history", "GET", "/gmail/v1/users/me/history"),
)
AFTER = re.compile(r"\bafter:(\d+)\b")
FIRST_ID = 0x18F000000000


class GmailRoutes(StandIn):
    """One mailbox for each account, in `mailboxes`; a history older than `oldest_history` is gone."""

    mailboxes: dict[str, Shelf]
    oldest_history: int

    def mailbox(self, account: str = "") -> Shelf:
        return self.mailboxes[account or next(iter(self.mailboxes))]

    def forget_history(self) -> None:
        """Answer 404 for every history id given out so far."""
        self.oldest_history = max(shelf.pass_by() for shelf in self.mailboxes.values())

    def _account(self, request: Request, scope: str) -> tuple[str, Answer | None]:
        raise NotImplementedError

    def answer_profile(self, request: Request) -> Answer:
        account, refusal = self._account(request, GMAIL)
        if refusal:
            return refusal
        shelf = self.mailboxes[account]
        number = len(shelf.numbers())
        payload = {
            "emailAddress": account,
            "messagesTotal": number,
            "threadsTotal": number,
            "historyId": str(shelf.version),
        }
        return Answer(payload=payload, shape="gmail.v1 Profile")

    def answer_messages(self, request: Request) -> Answer:
        """The newest first, without spam and trash."""
        account, refusal = self._gmail(request, "users.messages.list")
        if refusal:
            return refusal
        shelf, after = self.mailboxes[account], AFTER.search(request.parameter("q"))
        since = int(after[1]) if after else 0
        found = shelf.numbers(keep=lambda letter: letter is not None and letter.sent_at.timestamp() >= since)
        listed = [number for number in reversed(found) if not {"SPAM", "TRASH"} & set(shelf.things[number].labels)]
        return self._cut(request, "messages", [_named(number, shelf) for number in listed], "ListMessagesResponse")

    def answer_history(self, request: Request) -> Answer:
        account, refusal = self._gmail(request, "users.history.list")
        if refusal:
            return refusal
        shelf, start = self.mailboxes[account], int(request.parameter("startHistoryId", "0"))
        if not self.oldest_history <= start <= shelf.version:
            return self.refusal(404, "", "Requested entity was not found.")
        records = [
            {
                "id": str(shelf.versions[number]),
                "messages": [_named(number, shelf)],
                "messagesAdded": [{"message": {**_named(number, shelf), "labelIds": _labels(shelf.things[number])}}],
            }
            for number in shelf.numbers(after=start)
        ]
        more = {"historyId": str(shelf.version)}
        return self._cut(request, "history", records, "ListHistoryResponse", more=more)

    def answer_message(self, request: Request, key: str) -> Answer:
        account, refusal = self._gmail(request, "users.messages.get")
        if refusal:
            return refusal
        shelf, number = self.mailboxes[account], int(key, 16) - FIRST_ID
        letter = shelf.things[number] if 0 <= number < len(shelf.things) else None
        if letter is None:
            return self.refusal(404, "", "Requested entity was not found.")
        if request.parameter("format") != "metadata":
            return self.refusal(400, "", "The stand-in keeps no text: ask for format=metadata.")
        wanted = {name.casefold() for name in request.parameters.get("metadataHeaders", [])}
        headers = [header for header in _headers(letter, number) if header["name"].casefold() in wanted]
        payload = {
            **_named(number, shelf),
            "labelIds": _labels(letter),
            "snippet": "",
            "sizeEstimate": 2_000,
            "historyId": str(shelf.versions[number]),
            "internalDate": str(int(letter.sent_at.timestamp() * 1_000)),
            "payload": {"mimeType": "text/plain", **({"headers": headers} if headers else {})},
        }
        return Answer(payload=payload, shape="gmail.v1 Message")

    def _gmail(self, request: Request, method: str) -> tuple[str, Answer | None]:
        account, refusal = self._account(request, GMAIL)
        unknown = request.parameters.keys() - schemas.google_parameters(method, document="gmail.v1")
        if not refusal and unknown:
            message = f'Invalid JSON payload received. Unknown name "{min(unknown)}": Cannot bind query parameter.'
            return account, self.refusal(400, "", message)
        return account, refusal

    def _cut(
        self, request: Request, key: str, items: list[Any], resource: str, *, more: dict[str, Any] | None = None
    ) -> Answer:
        """Return one page; its token knows the number of the page and the parameters it was made for."""
        size = min(int(request.parameter("maxResults", "100")), 500)
        print_ = fingerprint(request.parameters, without=("pageToken",))
        start: dict[str, Any] = {"at": 0, "print": print_}
        token = unseal(request.parameter("pageToken")) if request.parameter("pageToken") else start
        if token is None or token["print"] != print_:
            return self.refusal(400, "", "Invalid pageToken")
        at = token["at"]
        payload: dict[str, Any] = {**({key: items[at : at + size]} if items[at : at + size] else {}), **(more or {})}
        if key == "messages":
            payload["resultSizeEstimate"] = len(items)
        if at + size < len(items):
            payload["nextPageToken"] = seal(at=at + size, print=print_)
        page = Page(key, "nextPageToken", seal(at=at, print=print_), is_absent_when_empty=True)
        return Answer(payload=payload, shape=f"gmail.v1 {resource}", page=page)


def _named(number: int, shelf: Shelf) -> dict[str, str]:
    return {"id": f"{FIRST_ID + number:x}", "threadId": f"{FIRST_ID + 0x100000 + shelf.things[number].thread:x}"}


def _labels(letter: Letter) -> list[str]:
    return list(letter.labels) or (["SENT"] if letter.is_sent else ["INBOX"])


def _headers(letter: Letter, number: int) -> list[dict[str, str]]:
    fields = [
        ("From", letter.sender),
        ("To", ", ".join(letter.recipients)),
        ("Cc", ", ".join(letter.copies)),
        ("Date", format_datetime(letter.sent_at) if letter.has_date else ""),
        ("Subject", letter.subject),
        ("Message-ID", f"<letter{number}@mail.example.com>"),
        *letter.headers,
    ]
    return [{"name": name, "value": value} for name, value in fields if value]
