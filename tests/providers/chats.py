"""Conversations that never took place, in Beeper Desktop's terms: accounts, chats, people in them, messages."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.providers import photos
from tests.providers.people import Person, made_up

NETWORKS = (
    ("whatsapp", "WhatsApp", "local"),
    ("telegram", "Telegram", "cloud"),
    ("signal", "Signal", "local"),
    ("linkedin", "LinkedIn", "cloud"),
)
PICTURES = ("https", "mxc", "localmxc", "data", "file", "path", "none", "missing", "html", "foreign-path")
MEDIA = "/Users/mara/Library/Application Support/BeeperTexts/media"
EPOCH = datetime(2026, 3, 1, 8, tzinfo=UTC)
MERGED_EVERY = 25
MESSAGES = 45
SHOWN_PARTICIPANTS = 20


@dataclass(slots=True)
class Conversation:
    """One chat: `written` messages, an hour between two, the last at `last_written`, and those that `arrived` since.

    `merged_into` and `members` are numbers of chats.
    """

    number: int
    network: int
    is_group: bool
    picture: str
    people: tuple[Person, ...]
    last_written: datetime
    written: int
    merged_into: int | None = None
    members: tuple[int, ...] = ()
    picture_version: int = 0
    arrived: list[datetime] = field(default_factory=list)
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        return self.written + len(self.arrived)

    @property
    def last_activity(self) -> datetime:
        return self.arrived[-1] if self.arrived else self.last_written

    def moment(self, at: int) -> datetime:
        """Return when message `at` was sent, 0 being the oldest."""
        if at >= self.written:
            return self.arrived[at - self.written]
        return self.last_written - timedelta(hours=self.written - 1 - at)


def account_id(network: int) -> str:
    kind, _, provider = NETWORKS[network]
    return f"local-{kind}_ba_stand-in" if provider == "local" else f"{kind}go"


def chat_id(number: int) -> str:
    return f"!chat{number:06d}:beeper.local"


def conversation(number: int, *, messages: int = MESSAGES) -> Conversation:
    """Return chat `number`: every fourth a group, each 25th a merged one of the two after it, pictures in turn."""
    place = number % MERGED_EVERY
    is_group = number % 4 == 3
    size = 1 if not is_group else 30 if number % 8 == 7 else 4
    return Conversation(
        number,
        number % len(NETWORKS),
        is_group and place not in (0, 1, 2),
        PICTURES[number % len(PICTURES)],
        tuple(made_up(number * 100 + at, seed="chats") for at in range(size if place > 2 else 1)),
        EPOCH - timedelta(minutes=7 * number),
        0 if place == 0 else messages,
        merged_into=number - place if place in (1, 2) else None,
        members=(number + 1, number + 2) if place == 0 else (),
    )


def account_resource(network: int) -> dict[str, Any]:
    kind, name, provider = NETWORKS[network]
    return {
        "accountID": account_id(network),
        "bridge": {"id": account_id(network), "provider": provider, "type": kind},
        "status": "connected",
        "user": _self(network),
        "network": name,
    }


def chat_resource(chat: Conversation, *, address: str, shown: int | None = SHOWN_PARTICIPANTS) -> dict[str, Any]:
    """Return the chat with the first `shown` participants, all for None."""
    everyone = [_self(chat.network), *(_participant(chat, at, address) for at in range(len(chat.people)))]
    if chat.number % 10 == 4:
        everyone.append({"id": f"@{NETWORKS[chat.network][0]}bot:beeper.local", "isNetworkBot": True})
    title = f"Group {chat.number}" if chat.is_group else chat.people[0].full_name or f"Chat {chat.number}"
    resource: dict[str, Any] = {
        "id": chat_id(chat.number),
        "localChatID": str(chat.number + 1),
        "accountID": account_id(chat.network),
        "network": NETWORKS[chat.network][1],
        "title": title,
        "type": "group" if chat.is_group else "single",
        "participants": {
            "items": everyone if shown is None else everyone[:shown],
            "total": len(everyone),
            "hasMore": shown is not None and len(everyone) > shown,
        },
        "unreadCount": chat.number % 3,
        "lastActivity": _stamp(chat.last_activity),
        "isArchived": chat.number % 11 == 5,
        "isMuted": chat.number % 7 == 2,
        "isPinned": chat.number % 13 == 1,
        "isLowPriority": False,
    }
    picture = picture_address(chat, address)
    if chat.is_group and picture:
        resource["imgURL"] = picture
    if chat.merged_into is not None:
        resource["mergedIntoChatID"] = chat_id(chat.merged_into)
    if chat.members:
        resource["merge"] = {"chatIDs": [chat_id(number) for number in chat.members]}
    return {**resource, **chat.changed}


def message_resource(chat: Conversation, at: int, *, address: str) -> dict[str, Any]:
    """Return message `at`, 0 for the oldest; one in ten brings a file, one in twenty is deleted."""
    is_mine = at % 3 == 0
    sender = _self(chat.network) if is_mine else _participant(chat, at % len(chat.people), address)
    message: dict[str, Any] = {
        "id": f"{chat.number * 100_000 + at}",
        "chatID": chat_id(chat.number),
        "accountID": account_id(chat.network),
        "senderID": sender["id"],
        "senderName": sender.get("fullName", ""),
        "timestamp": _stamp(chat.moment(at)),
        "sortKey": f"{at + 1:08d}",
        "isSender": is_mine,
        "type": "TEXT",
        "text": f"Words that nobody keeps, number {at}.",
    }
    if at % 20 == 13:
        return {**message, "isDeleted": True, "text": ""}
    return {**message, "type": "IMAGE", "attachments": [_attachment(chat, at)]} if at % 10 == 4 else message


def picture_address(chat: Conversation, address: str) -> str:
    """Return the picture as Beeper names it: web, mxc, localmxc, data: or file: address, or a bare local path."""
    key = f"{chat.number}-{chat.picture_version}"
    addresses = {
        "https": f"{address}/avatars/{key}.jpg",
        "mxc": f"mxc://beeper.local/{key}",
        "localmxc": f"localmxc://local-whatsapp/{key}",
        "file": f"file://{MEDIA.replace(' ', '%20')}/local/{key}",
        "path": f"{MEDIA}/local/{key}",
        "missing": f"mxc://beeper.local/missing-{key}",
        "html": f"mxc://beeper.local/html-{key}",
        "foreign-path": f"/Users/mara/Pictures/{key}.jpg",
    }
    if chat.picture == "data":
        content = photos.portrait(f"beeper {key}", size=64)
        return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
    return addresses.get(chat.picture, "")


def _participant(chat: Conversation, at: int, address: str) -> dict[str, Any]:
    person = chat.people[at]
    key = hashlib.sha256(f"{chat.number}/{at}".encode()).hexdigest()[:12]
    user: dict[str, Any] = {"id": f"@{NETWORKS[chat.network][0]}_{key}:beeper.local"}
    optional = {
        "fullName": person.full_name,
        "phoneNumber": "".join(mark for mark in dict(person.phones).get("mobile", "") if mark in "+0123456789"),
        "email": person.emails[0][1] if person.emails and chat.number % 2 else "",
        "username": f"person{chat.number}" if chat.number % 5 == 0 else "",
        "imgURL": picture_address(chat, address) if not chat.is_group else "",
    }
    return user | {name: value for name, value in optional.items() if value}


def _self(network: int) -> dict[str, Any]:
    return {"id": f"@mara_{NETWORKS[network][0]}:beeper.local", "fullName": "Mara Lindholm", "isSelf": True}


def _attachment(chat: Conversation, at: int) -> dict[str, Any]:
    kinds = (
        f"mxc://beeper.local/file-{chat.number}-{at}",
        f"file://{MEDIA.replace(' ', '%20')}/local/file-{chat.number}-{at}",
    )
    return {
        "type": "img",
        "id": kinds[0],
        "fileName": f"holiday {at}.jpg",
        "mimeType": "image/jpeg",
        "srcURL": kinds[at // 10 % 2],
        "size": {"width": 640, "height": 640},
    }


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
