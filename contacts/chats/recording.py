"""Write down who wrote to whom and when; files of messages are noted by their address at the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from contacts.chats.incoming import IncomingMessage
from contacts.models import Chat, ChatAttachment, ChatParticipant, CommunicationEvent
from contacts.recording import link_answers

SOURCE = "beeper"
GROUP_MOST = 10
"""More people than this are an audience: what is said to them is no conversation with each."""

CHATS = Chat._meta.db_table
PEOPLE = ChatParticipant._meta.db_table
EVENTS = CommunicationEvent._meta.db_table

# With one person: every message is an event with the contact. In a small group: theirs with whoever wrote it, ours
# with every contact in it.
RECORD = f"""
    with message as (
        select * from unnest(
            %(chats)s::uuid[], %(ids)s::text[], %(times)s::timestamptz[], %(directions)s::text[], %(senders)s::text[],
            %(texts)s::text[]
        ) as message(chat_id, external_id, happened_at, direction, sender_id, body)
    ), told as (
        select message.*, chat.contact_id
        from message join {CHATS} chat on chat.id = message.chat_id
        where chat.kind = '{Chat.Kind.SINGLE}' and chat.contact_id is not null
        union
        select message.*, person.contact_id
        from message join {CHATS} chat on chat.id = message.chat_id
        join {PEOPLE} person on person.chat_id = chat.id and person.contact_id is not null
        where chat.kind = '{Chat.Kind.GROUP}' and chat.people <= {GROUP_MOST}
            and (message.direction = 'outbound' or message.sender_id = person.external_id)
    ), written as (
        insert into {EVENTS}
            (owner_id, contact_id, kind, direction, happened_at, source, external_id, thread_id, body)
        select %(owner)s, contact_id, '{CommunicationEvent.Kind.CHAT}', direction, happened_at, '{SOURCE}',
            chat_id || '/' || external_id, chat_id::text, body
        from told order by contact_id, happened_at
        on conflict (source, external_id, contact_id) do nothing
        returning contact_id
    )
    select (select count(*) from written), array(select distinct contact_id from written)
"""


def record_messages(owner_id: int, messages: Mapping[UUID, Sequence[IncomingMessage]]) -> int:
    """Write the events of these chats' messages and note their files; return how many events are new.

    What is known already is not written again. Run it in a transaction.
    """
    rows = [(chat_id, message) for chat_id, of_chat in messages.items() for message in of_chat]
    if not rows:
        return 0
    _note_files(owner_id, rows)
    parameters: dict[str, Any] = {
        "owner": owner_id,
        "chats": [chat_id for chat_id, _ in rows],
        "ids": [message.external_id for _, message in rows],
        "times": [message.sent_at for _, message in rows],
        "directions": ["outbound" if message.is_outbound else "inbound" for _, message in rows],
        "senders": [message.sender_id for _, message in rows],
        "texts": [message.text for _, message in rows],
    }
    with connection.cursor() as cursor:
        cursor.execute(RECORD, parameters)
        count, contact_ids = cursor.fetchone()
    link_answers(contact_ids)
    return int(count)


def _note_files(owner_id: int, rows: Sequence[tuple[UUID, IncomingMessage]]) -> None:
    files = [
        ChatAttachment(
            owner_id=owner_id,
            chat_id=chat_id,
            message_id=message.external_id,
            position=position,
            kind=file.kind,
            file_name=file.file_name,
            content_type=file.content_type,
            size=file.size,
            source_url=file.source_url,
            sent_at=message.sent_at,
            is_outbound=message.is_outbound,
        )
        for chat_id, message in rows
        for position, file in enumerate(message.files)
    ]
    ChatAttachment.objects.bulk_create(
        files,
        update_conflicts=True,
        unique_fields=["chat", "message_id", "position"],
        update_fields=["source_url"],
        batch_size=1_000,
    )
