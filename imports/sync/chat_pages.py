"""Ask Beeper for what a page of chats needs, several requests at a time; no database in the threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count

from config.jobs.failures import PermanentFailure
from contacts.chats.incoming import IncomingChat, IncomingMessage
from contacts.models import Chat
from imports.beeper.client import PEOPLE_MOST, Client, NotThere
from imports.beeper.connection import Connection
from imports.beeper.reading import NotReadable, read_chat, read_message, read_moment
from imports.models import ProviderAccount

AT_ONCE = 4
PAGES_MOST = 50
"""Of the messages of one chat in one run; the rest of a longer past is left out."""

Errors = Counter[str]


def chats_of_page(
    client: Client, items: Sequence[Any], *, account: ProviderAccount, errors: Errors
) -> list[IncomingChat]:
    """Return the chats of these items; a group whose list of people was cut short is asked for once more."""
    chats = []
    for item in items:
        try:
            chats.append(read_chat(item))
        except NotReadable:
            errors["a chat that cannot be read"] += 1
    short = [chat for chat in chats if not chat.are_all and len(chat.people) < PEOPLE_MOST]
    known = _people_known(account, [chat.external_id for chat in short])
    for chat in short:
        if known.get(chat.external_id) != chat.people_count:
            chats[chats.index(chat)] = _whole(client, chat, errors=errors)
    return chats


def messages_of_chats(
    connection: Connection, chats: Sequence[Chat], *, floor: datetime, errors: Errors
) -> dict[UUID, list[IncomingMessage]]:
    """Return by chat the messages that are not read yet, none older than `floor`; a chat that is gone has none."""
    with ThreadPoolExecutor(AT_ONCE, "beeper-messages") as threads:
        shares = [chats[place::AT_ONCE] for place in range(AT_ONCE)]
        parts = list(threads.map(lambda share: _read_share(connection, share, floor), shares))
    found: dict[UUID, list[IncomingMessage]] = {}
    for messages, own_errors in parts:
        found |= messages
        errors.update(own_errors)
    return found


def _people_known(account: ProviderAccount, external_ids: Sequence[str]) -> dict[str, int]:
    rows = Chat.objects.filter(owner_id=account.owner_id, account_key=account.pk, external_id__in=external_ids)
    return dict(rows.annotate(known=Count("participants")).values_list("external_id", "known"))


def _whole(client: Client, chat: IncomingChat, *, errors: Errors) -> IncomingChat:
    try:
        return read_chat(client.chat(chat.external_id))
    except (NotThere, NotReadable):
        errors["a group whose people cannot be read"] += 1
        return chat


def _read_share(
    connection: Connection, chats: Sequence[Chat], floor: datetime
) -> tuple[dict[UUID, list[IncomingMessage]], Errors]:
    errors: Errors = Counter()
    with Client(connection) as client:
        found = {chat.pk: _read_chat(client, chat, floor=floor, errors=errors) for chat in chats}
    return found, errors


def _read_chat(client: Client, chat: Chat, *, floor: datetime, errors: Errors) -> list[IncomingMessage]:
    """Walk back from the newest message to what is known or too old."""
    until = max(filter(None, (chat.read_until, floor)))
    found: dict[str, IncomingMessage] = {}
    cursor = ""
    for _ in range(PAGES_MOST):
        try:
            page = client.messages(chat.external_id, cursor=cursor)
        except PermanentFailure:
            errors["a chat whose messages cannot be read"] += 1
            break
        _take(page.items, into=found, until=until, errors=errors)
        moments = [moment for item in page.items if (moment := read_moment(item))]
        is_reached = bool(moments) and min(moments) < until
        if is_reached or not page.has_more or not page.older or page.older == cursor:
            break
        cursor = page.older
    else:
        errors["more messages than are read at once"] += 1
    return list(found.values())


def _take(items: Sequence[Any], *, into: dict[str, IncomingMessage], until: datetime, errors: Errors) -> None:
    for item in items:
        try:
            message = read_message(item, with_text=settings.CHAT_KEEP_TEXT)
        except NotReadable:
            errors["a message that cannot be read"] += 1
            continue
        if message is not None and message.sent_at >= until:
            into[message.external_id] = message
