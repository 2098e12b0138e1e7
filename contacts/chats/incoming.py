"""What a source says of one chat, in our own terms: cleaned, cut to what the models hold, without anything else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingPerson:
    """Somebody else in a chat; `phone` in E.164 form, `email` normalised, both empty where they are unknown."""

    external_id: str
    name: str = ""
    username: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingChat:
    """One chat. `people` are the others as far as they were told; `are_all` says that nobody is missing."""

    external_id: str
    network: str
    kind: str
    bridge: str = ""
    title: str = ""
    merged_into: str = ""
    last_activity: datetime | None = None
    unread: int = 0
    is_archived: bool = False
    is_muted: bool = False
    is_pinned: bool = False
    picture_url: str = ""
    people: tuple[IncomingPerson, ...] = ()
    people_count: int = 0
    are_all: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingFile:
    """A file of a message, by the address at which the source has it."""

    source_url: str
    kind: str = "unknown"
    file_name: str = ""
    content_type: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """One message: who, when, in which direction. `text` is empty unless it is to be kept."""

    external_id: str
    sent_at: datetime
    is_outbound: bool
    sender_id: str = ""
    text: str = ""
    files: tuple[IncomingFile, ...] = field(default=())
