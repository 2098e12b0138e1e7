"""Bring chats and the people in them up to date with what a source says: a few statements for a page of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from contacts.chats.incoming import IncomingChat
from contacts.models import Chat, ChatParticipant

CHATS = Chat._meta.db_table
PEOPLE = ChatParticipant._meta.db_table

# What a person or we ourselves decide about a chat is not among them.
CHAT_COLUMNS = [
    "network",
    "bridge",
    "kind",
    "title",
    "merged_into",
    "people",
    "last_activity",
    "unread",
    "is_archived",
    "is_muted",
    "is_pinned",
    "picture_url",
    "seen_at",
    "gone_at",
]
PERSON_COLUMNS = ["name", "username", "phone", "email"]

LEFT = f"""
    delete from {PEOPLE} person
    where chat_id = any(%(whole)s::uuid[]) and not exists (
        select from unnest(%(chats)s::uuid[], %(people)s::text[]) as here(chat_id, external_id)
        where here.chat_id = person.chat_id and here.external_id = person.external_id
    )
"""

GONE = f"""
    update {CHATS} set gone_at = %(now)s
    where owner_id = %(owner)s and account_key = %(account)s and gone_at is null and seen_at < %(before)s
"""


def write_chats(owner_id: int, account_key: UUID, chats: Sequence[IncomingChat], *, now: datetime) -> None:
    """Add these chats or bring them up to date, with the people in them; run it in a transaction.

    Somebody who has left is taken away where the source named everybody. Nothing is deleted else.
    """
    chats = list({chat.external_id: chat for chat in chats}.values())
    rows = [_chat(owner_id, account_key, chat, now=now) for chat in sorted(chats, key=lambda chat: chat.external_id)]
    Chat.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["owner", "account_key", "external_id"],
        update_fields=CHAT_COLUMNS,
    )
    ids = known_ids(owner_id, account_key, [chat.external_id for chat in chats])
    _write_people(owner_id, chats, ids)


def known_ids(owner_id: int, account_key: UUID, external_ids: Sequence[str]) -> dict[str, UUID]:
    """Return the ids of our rows by those of the source."""
    rows = Chat.objects.filter(owner_id=owner_id, account_key=account_key, external_id__in=external_ids)
    return dict(rows.values_list("external_id", "pk"))


def mark_gone(owner_id: int, account_key: UUID, *, not_seen_since: datetime, now: datetime) -> int:
    """Mark the chats of the account that a walk through all of them did not meet; return how many."""
    parameters: dict[str, Any] = {"owner": owner_id, "account": account_key, "before": not_seen_since, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(GONE, parameters)
        return int(cursor.rowcount)


def _chat(owner_id: int, account_key: UUID, chat: IncomingChat, *, now: datetime) -> Chat:
    values: dict[str, Any] = {name: getattr(chat, name) for name in CHAT_COLUMNS if hasattr(chat, name)}
    return Chat(
        owner_id=owner_id,
        account_key=account_key,
        external_id=chat.external_id,
        **{**values, "people": chat.people_count, "seen_at": now, "gone_at": None},
    )


def _write_people(owner_id: int, chats: Sequence[IncomingChat], ids: Mapping[str, UUID]) -> None:
    people = {
        (ids[chat.external_id], person.external_id): ChatParticipant(
            owner_id=owner_id,
            chat_id=ids[chat.external_id],
            external_id=person.external_id,
            **{name: getattr(person, name) for name in PERSON_COLUMNS},
        )
        for chat in chats
        for person in chat.people
    }
    here = sorted(people)
    ChatParticipant.objects.bulk_create(
        [people[key] for key in here],
        update_conflicts=True,
        unique_fields=["chat", "external_id"],
        update_fields=PERSON_COLUMNS,
        batch_size=5_000,
    )
    whole = [ids[chat.external_id] for chat in chats if chat.are_all]
    parameters: dict[str, Any] = {
        "whole": whole,
        "chats": [chat_id for chat_id, _ in here],
        "people": [key for _, key in here],
    }
    with connection.cursor() as cursor:
        cursor.execute(LEFT, parameters)
