"""From the header fields of a message to what is recorded of it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import getaddresses, parsedate_to_datetime
from typing import NamedTuple

from contacts.normalizing import normalize_email
from contacts.recording import Message
from contacts.text import clean_line

WANTED = (
    "From",
    "To",
    "Cc",
    "Bcc",
    "Date",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "List-Id",
    "List-Unsubscribe",
    "Auto-Submitted",
    "Precedence",
    "Return-Path",
    "X-Autoreply",
)
ID_MAX = 200
SUBJECT_MAX = 500
HEADER_MAX = 100_000
MANY_RECIPIENTS = 20
CLOCK_SKEW = timedelta(days=1)

BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
MACHINE = re.compile(
    r"(?:no|do[._-]?not|never)[._-]?reply|(?:mailer[._-]?daemon|postmaster|bounces?|notifications?|newsletter|alerts?)\b"
)
MESSAGE_ID = re.compile(r"<([^<>]{1,500})>")
ADDRESS_FIELDS = ("to", "cc", "bcc")


class Unusable(Exception):
    """A message that cannot be recorded; the text says why in a few words."""


Fields = Mapping[str, list[str]]
"""Values by lower-case field name, as they stand in the message."""


def fields_of(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Group (name, value) pairs, the values unfolded and cut at 100,000 characters."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), []).append(str(value)[:HEADER_MAX].replace("\r", "").replace("\n", ""))
    return found


def to_message(
    fields: Fields,
    *,
    own: Collection[str],
    now: datetime,
    external_id: str = "",
    thread_id: str = "",
    sent_at: datetime | None = None,
    is_outbound: bool | None = None,
) -> Message:
    """Read one message; raises Unusable when it has no sender or no credible date.

    `own` are the match keys of the owner's addresses. What the provider knows better is passed in: an id for messages
    without a Message-ID, the thread, the time, and whether the owner sent it.
    """
    senders = addresses(fields.get("from", []))
    if not senders:
        raise Unusable("no sender")
    outbound = any(sender in own for sender in senders) if is_outbound is None else is_outbound
    recipients = addresses([value for name in ADDRESS_FIELDS for value in fields.get(name, [])])
    others = [address for address in (recipients if outbound else senders) if address not in own]
    message_id = first_id(fields, "message-id")
    return Message(
        external_id=short(message_id or external_id or _print_of(fields)),
        thread_id=short(thread_id or first_id(fields, "references") or first_id(fields, "in-reply-to") or message_id),
        sent_at=_date(fields, sent_at, now=now),
        is_outbound=outbound,
        addresses=tuple(dict.fromkeys(others)),
        subject=_readable(fields.get("subject", [""])[0])[:SUBJECT_MAX],
        is_automated=is_automated(fields, senders) or (outbound and len(recipients) > MANY_RECIPIENTS),
    )


class Read(NamedTuple):
    """Messages that were read, and how many others there were by the reason why they were not."""

    messages: list[Message]
    left_out: Counter[str]


def read_all(found: Iterable[Fields], *, own: Collection[str], now: datetime) -> Read:
    """Read messages whose header fields are all that is known of them."""
    read = Read([], Counter())
    for fields in found:
        try:
            read.messages.append(to_message(fields, own=own, now=now))
        except Unusable as problem:
            read.left_out[str(problem)] += 1
    return read


def addresses(values: Iterable[str]) -> list[str]:
    """Return the match keys of the addresses in these header values, in order."""
    found = [pair for value in values for pair in _pairs(value)]
    keys = (normalize_email(address)[1] for _, address in found if "@" in address)
    return [key for key in keys if key]


def is_automated(fields: Fields, senders: Iterable[str]) -> bool:
    """Say whether a machine or a list sent this rather than a person to a person."""
    if any(name in fields for name in ("list-unsubscribe", "list-id", "x-autoreply")):
        return True
    if any(not value.strip().lower().startswith("no") for value in fields.get("auto-submitted", [])):
        return True
    if any(value.strip().lower() in BULK for value in fields.get("precedence", [])):
        return True
    if any(value.strip() == "<>" for value in fields.get("return-path", [])):
        return True
    return any(MACHINE.match(sender) for sender in senders)


def first_id(fields: Fields, name: str) -> str:
    """Return the first message id in a field: for References, the one that began the thread."""
    for value in fields.get(name, []):
        found = MESSAGE_ID.search(value)
        if found:
            return found[1].strip()
    return ""


def short(identifier: str) -> str:
    """Return an id that fits its column and any transport: a long one is replaced by its hash."""
    cleaned = clean_line(identifier)
    return cleaned if len(cleaned) <= ID_MAX else f"sha256:{hashlib.sha256(cleaned.encode()).hexdigest()}"


def _pairs(value: str) -> list[tuple[str, str]]:
    """Return the (name, address) pairs of a header value; none where comments or groups are nested without end."""
    try:
        return getaddresses([value])
    except RecursionError:
        return []


def _print_of(fields: Fields) -> str:
    """Return an id for a message that has none: the same message gives the same."""
    known = "\n".join(value for name in ("date", "from", "to", "subject") for value in fields.get(name, []))
    return f"headers:{hashlib.sha256(known.encode('utf-8', 'replace')).hexdigest()}"


def _date(fields: Fields, known: datetime | None, *, now: datetime) -> datetime:
    moment = known
    for value in fields.get("date", []) if known is None else []:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            continue
        break
    if moment is None:
        raise Unusable("no date")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if moment > now + CLOCK_SKEW or moment.year < 1980:
        raise Unusable("an impossible date")
    return min(moment, now)


def _readable(value: str) -> str:
    """Return a header's text with encoded words decoded; what cannot be decoded stays as it is."""
    try:
        return clean_line(str(make_header(decode_header(value))))
    except (ValueError, LookupError, MessageError):
        return clean_line(value)
