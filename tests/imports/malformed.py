"""What a provider could send in place of a message, a meeting or a page of them."""

from __future__ import annotations

from typing import Any

ADA = "ada@example.com"
LONG, UNSAFE = "x" * 100_000, "a\x00b\ud800\u202e"
NO_LISTS: list[Any] = [None, "text", {}, 7]
NO_PLACES: list[Any] = [None, 7, [], UNSAFE, LONG]
VALUES: list[Any] = [None, True, -1, 1.5, 10**30, "", "text", UNSAFE, LONG, [], [None], ["text"], {}, {"id": 7}]
# In place of an item.
NO_OBJECTS: list[Any] = [None, "text", 7, [], {}, {"id": None}, {"id": 7}, {"id": ""}]
# Put into an item: of the wrong type, or a time that cannot be.
WRONG: dict[str, list[dict[str, Any]]] = {
    "gmail": [
        {"id": None},
        {"labelIds": "INBOX"},
        {"labelIds": [7]},
        {"threadId": {}},
        {"payload": "text"},
        {"payload": {"headers": {}}},
        {"payload": {"headers": [None]}},
        {"payload": {"headers": [{"name": 7, "value": "x"}]}},
        {"internalDate": 7},
        {"internalDate": "soon"},
        {"internalDate": "9" * 5_000},
        {"internalDate": "-1"},
    ],
    "graph mail": [
        {"from": "text"},
        {"from": {"emailAddress": []}},
        {"toRecipients": {}},
        {"ccRecipients": [None]},
        {"subject": 7},
        {"isDraft": "no"},
        {"internetMessageHeaders": [{"name": None, "value": {}}]},
        {"receivedDateTime": "soon"},
        {"receivedDateTime": "0001-01-01T00:00:00+14:00"},
        {"receivedDateTime": "0001-01-01T00:00:00Z"},
    ],
    "google": [
        {"status": 7},
        {"start": "tomorrow"},
        {"start": None},
        {"start": {"dateTime": "tomorrow"}},
        {"start": {"dateTime": "0001-01-01T00:00:00Z"}},
        {"attendees": "all"},
        {"attendees": [ADA]},
        {"attendees": [{"email": 7}]},
        {"organizer": []},
        {"summary": []},
    ],
    "graph calendar": [
        {"isAllDay": 0},
        {"isCancelled": "no"},
        {"responseStatus": "declined"},
        {"start": "tomorrow"},
        {"start": None},
        {"start": {"dateTime": "9999-99-99"}},
        {"start": {"dateTime": "0001-01-01T00:00:00.0000000"}},
        {"attendees": {}},
        {"attendees": [{"emailAddress": ADA}]},
        {"organizer": [None]},
        {"subject": {}},
    ],
}
# Odd, but to be read: nothing is lost for it.
ODD: dict[str, list[dict[str, Any]]] = {
    "gmail": [
        {"snippet": 7, "labelIds": None, "threadId": UNSAFE},
        {"labelIds": ["NEVER_HEARD_OF"], "threadId": LONG},
        {"payload": {"headers": [{"name": "From", "value": ADA}, {"name": "Subject", "value": UNSAFE + LONG}]}},
        {"payload": {"headers": [{"name": "From", "value": ADA}, {"name": "Message-ID", "value": LONG}]}},
        {"internalDate": None},
    ],
    "graph mail": [
        {"subject": UNSAFE, "conversationId": LONG, "importance": "galactic"},
        {"subject": LONG, "internetMessageId": UNSAFE, "toRecipients": [{"emailAddress": {"address": LONG}}]},
        {"ccRecipients": None, "internetMessageHeaders": [{"name": UNSAFE, "value": LONG}]},
    ],
    "google": [
        {"summary": UNSAFE, "status": "galactic", "updated": "0000-12-29T00:00:00.000Z"},
        {"summary": LONG, "updated": 7, "organizer": None},
        {"summary": None, "updated": "9999-12-31T23:59:59-14:00", "organizer": {"email": LONG}},
    ],
    "graph calendar": [
        {"subject": UNSAFE, "showAs": "galactic", "lastModifiedDateTime": "0001-01-01T00:00:00Z"},
        {"subject": LONG, "lastModifiedDateTime": 7, "organizer": None},
        {"subject": None, "isCancelled": None, "organizer": {"emailAddress": {"address": LONG}}},
    ],
}
