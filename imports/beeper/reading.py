"""Beeper's answers in our own terms. Nothing in them is trusted: a value that does not fit costs only itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from contacts.chats.incoming import IncomingChat, IncomingFile, IncomingMessage, IncomingPerson
from contacts.models import Chat, ChatAttachment
from contacts.normalizing import normalize_email, normalize_phone
from contacts.text import clean_line, clean_text

ID_MOST = 255
MESSAGE_ID_MOST = 200
PICTURE_MOST = 1_000_000
"""Characters of an address; one with the picture in it (data:) is as long as that."""
ADDRESS_MOST = 4_096
FILES_MOST = 50
TEXT_MOST = 20_000
NO_MESSAGES = ("NOTICE", "REACTION")

Item = Mapping[str, Any]


class NotReadable(ValueError):
    """The item cannot be told from others: it has no id, or one that does not fit."""


def read_chat(item: Any) -> IncomingChat:
    """Return the chat of `GET /v1/chats`; raises NotReadable."""
    external_id = _id(item, "id")
    people_list = _dict(item, "participants")
    others = [person for person in _dicts(people_list, "items") if not _is_left_out(person)]
    people = tuple(person for other in others if (person := _read_person(other)))
    total = _count(people_list, "total")
    named = len(_dicts(people_list, "items"))
    kind = Chat.Kind.GROUP if item.get("type") == "group" else Chat.Kind.SINGLE
    return IncomingChat(
        external_id=external_id,
        network=_line(item, "network", 60) or "Unknown",
        kind=kind,
        bridge=_line(item, "accountID", ID_MOST),
        title=_line(item, "title", 300),
        merged_into=_line(item, "mergedIntoChatID", ID_MOST),
        last_activity=_moment(item, "lastActivity"),
        unread=_count(item, "unreadCount"),
        is_archived=item.get("isArchived") is True,
        is_muted=item.get("isMuted") is True,
        is_pinned=item.get("isPinned") is True,
        picture_url=_picture(item) or (_picture(others[0]) if kind == Chat.Kind.SINGLE and len(others) == 1 else ""),
        people=people,
        people_count=max(total - (named - len(others)), len(people)),
        are_all=people_list.get("hasMore") is not True,
    )


def read_message(item: Any, *, with_text: bool) -> IncomingMessage | None:
    """Return a message of `GET /v1/chats/{id}/messages`, None for what is none: deleted, hidden, a reaction, a notice.

    Raises NotReadable for one without id or time.
    """
    external_id = _id(item, "id", longest=MESSAGE_ID_MOST)
    sent_at = _moment(item, "timestamp")
    if sent_at is None:
        raise NotReadable
    if item.get("isDeleted") is True or item.get("isHidden") is True or item.get("type") in NO_MESSAGES:
        return None
    files = [file for each in _dicts(item, "attachments")[:FILES_MOST] if (file := _read_file(each))]
    text = item.get("text")
    return IncomingMessage(
        external_id=external_id,
        sent_at=sent_at,
        is_outbound=item.get("isSender") is True,
        sender_id=_line(item, "senderID", ID_MOST),
        text=clean_text(text[:TEXT_MOST]) if with_text and isinstance(text, str) else "",
        files=tuple(files),
    )


def read_moment(item: Any) -> datetime | None:
    """Return when a message was sent, None where that cannot be read."""
    return _moment(item, "timestamp") if isinstance(item, Mapping) else None


def _is_left_out(person: Item) -> bool:
    return person.get("isSelf") is True or person.get("isNetworkBot") is True


def _read_person(person: Item) -> IncomingPerson | None:
    try:
        external_id = _id(person, "id")
    except NotReadable:
        return None
    return IncomingPerson(
        external_id=external_id,
        name=_line(person, "fullName", 300),
        username=_line(person, "username", 255),
        phone=normalize_phone(_line(person, "phoneNumber", 40), region=""),
        email=normalize_email(_line(person, "email", 320))[1],
    )


def _read_file(item: Item) -> IncomingFile | None:
    address = next((found for key in ("srcURL", "id") if (found := _address(item, key, ADDRESS_MOST))), "")
    if not address:
        return None
    kind = item.get("type")
    size = item.get("fileSize")
    return IncomingFile(
        source_url=address,
        kind=kind if kind in ChatAttachment.Kind.values else ChatAttachment.Kind.OTHER,
        file_name=_line(item, "fileName", 255),
        content_type=_line(item, "mimeType", 100),
        size=int(size) if isinstance(size, int | float) and 0 <= size < 1 << 50 else None,
    )


def _picture(item: Item) -> str:
    return _address(item, "imgURL", PICTURE_MOST)


def _address(item: Item, key: str, longest: int) -> str:
    """Return an address as it stands; one that is too long or cannot be stored is none."""
    value = item.get(key)
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        return ""
    return value.encode("utf-8", "ignore").decode().strip()


def _id(item: Any, key: str, *, longest: int = ID_MOST) -> str:
    value = item.get(key) if isinstance(item, Mapping) else None
    if not isinstance(value, str) or not value or len(value) > longest or not value.isprintable():
        raise NotReadable
    return value


def _line(item: Item, key: str, longest: int) -> str:
    value = item.get(key)
    return clean_line(value[: longest * 4])[:longest].rstrip() if isinstance(value, str) else ""


def _count(item: Item, key: str) -> int:
    value = item.get(key)
    return value if isinstance(value, int) and 0 <= value < 1 << 31 else 0


def _moment(item: Item, key: str) -> datetime | None:
    value = item.get(key)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or not 1970 <= moment.year < 2200:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _dict(item: Item, key: str) -> Item:
    value = item.get(key)
    return value if isinstance(value, Mapping) else {}


def _dicts(item: Item, key: str) -> list[Item]:
    value = item.get(key)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
