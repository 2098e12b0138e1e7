"""Find out whose chats these are: by identity, phone number, then e-mail address; what a person decided stays."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

from contacts.models import Chat, ChatParticipant, ContactEmail, ContactPhone, ExternalIdentity
from contacts.models.chat import Matched

CHATS = Chat._meta.db_table
PEOPLE = ChatParticipant._meta.db_table

# A number or address that several contacts share says nothing about which of them it is.
FIND_PEOPLE = f"""
    with wanted as materialized (
        select person.id, person.owner_id, person.external_id, person.phone, person.email
        from {PEOPLE} person join {CHATS} chat on chat.id = person.chat_id
        where chat.owner_id = %(owner)s and chat.account_key = %(account)s and person.contact_id is null
            and chat.matched_by <> '{Matched.NOBODY}'
    ), by_identity as (
        select wanted.id, identity.contact_id
        from wanted join {ExternalIdentity._meta.db_table} identity
            on identity.owner_id = wanted.owner_id and identity.source = 'beeper'
            and identity.account_key = %(account)s and identity.external_id = wanted.external_id
    ), by_phone as (
        select wanted.id, (array_agg(phone.contact_id))[1] as contact_id
        from wanted join {ContactPhone._meta.db_table} phone
            on phone.owner_id = wanted.owner_id and phone.e164 = wanted.phone and wanted.phone <> ''
        group by wanted.id having count(distinct phone.contact_id) = 1
    ), by_email as (
        select wanted.id, (array_agg(email.contact_id))[1] as contact_id
        from wanted join {ContactEmail._meta.db_table} email
            on email.owner_id = wanted.owner_id and email.normalized = wanted.email and wanted.email <> ''
        group by wanted.id having count(distinct email.contact_id) = 1
    ), found as (
        select id, coalesce(by_identity.contact_id, by_phone.contact_id, by_email.contact_id) as contact_id,
            case when by_identity.contact_id is not null then '{Matched.IDENTITY}'
                when by_phone.contact_id is not null then '{Matched.PHONE}' else '{Matched.EMAIL}' end as how
        from by_identity full join by_phone using (id) full join by_email using (id)
    ), linked as (
        update {PEOPLE} person
        set contact_id = found.contact_id, matched_by = found.how
        from found where person.id = found.id
        returning person.chat_id
    )
    update {CHATS} chat set read_activity = null, read_until = null
    from linked where chat.id = linked.chat_id
"""

# A chat with one other person is with that contact; the parts of a merged chat are with whom the whole is.
FIND_CHATS = f"""
    update {CHATS} chat
    set contact_id = person.contact_id, matched_by = person.matched_by, read_activity = null, read_until = null
    from {PEOPLE} person
    where chat.owner_id = %(owner)s and chat.account_key = %(account)s
        and chat.contact_id is null and chat.matched_by = '' and chat.kind = '{Chat.Kind.SINGLE}'
        and person.chat_id = chat.id and person.contact_id is not null
        and not exists (select from {PEOPLE} other where other.chat_id = chat.id and other.id <> person.id)
"""
FIND_PARTS = f"""
    update {CHATS} part
    set contact_id = whole.contact_id, matched_by = whole.matched_by, read_activity = null, read_until = null
    from {CHATS} whole
    where part.owner_id = %(owner)s and part.account_key = %(account)s
        and part.contact_id is null and part.matched_by = '' and part.merged_into <> ''
        and whole.owner_id = part.owner_id and whole.account_key = part.account_key
        and whole.external_id = part.merged_into and whole.contact_id is not null
"""


def match_chats(owner_id: int, account_key: UUID) -> int:
    """Link what can be linked among the chats of the account; return how many chats have a contact now.

    The messages of a newly linked chat are due to be read again. Run it in a transaction.
    """
    parameters: dict[str, Any] = {"owner": owner_id, "account": account_key}
    with connection.cursor() as cursor:
        for statement in (FIND_PEOPLE, FIND_CHATS, FIND_PARTS):
            cursor.execute(statement, parameters)
    chats = Chat.objects.filter(owner_id=owner_id, account_key=account_key, merged_into="")
    return chats.exclude(contact=None).count()
