"""Write down what a mailbox says: set-based and idempotent, for every contact that an address belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message between the owner and others, without its text. `addresses` are match keys of e-mail addresses."""

    external_id: str
    sent_at: datetime
    is_outbound: bool
    addresses: tuple[str, ...]
    thread_id: str = ""
    subject: str = ""
    is_automated: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording changed: so many rows were written, of these contacts; so many items were over a day's limit."""

    events: int = 0
    contact_ids: frozenset[UUID] = frozenset()
    left_out: int = 0


# An address that several contacts share counts for each of them. A message that is known already is not written again;
# of the new ones no more than the limit allows for each of the owner's days (UTC), the earliest first.
MESSAGES = """
    with item as (
        select * from unnest(
            %(positions)s::integer[], %(external_ids)s::text[], %(times)s::timestamptz[], %(directions)s::text[],
            %(threads)s::text[], %(subjects)s::text[], %(automated)s::boolean[]
        ) as item(position, external_id, happened_at, direction, thread_id, subject, automated)
    ), person as (
        select distinct person.position, email.contact_id
        from unnest(%(persons)s::integer[], %(addresses)s::text[]) as person(position, address)
        join contacts_contactemail email on email.owner_id = %(owner)s and email.normalized = person.address
    ), fresh as (
        select item.*, person.contact_id,
            dense_rank() over (
                partition by (item.happened_at at time zone 'UTC')::date order by item.happened_at, item.external_id
            ) as place
        from item join person using (position)
        where not exists (
            select from contacts_communicationevent known
            where known.source = %(source)s and known.external_id = item.external_id
                and known.contact_id = person.contact_id
        )
    ), day as (
        select wanted.day, count(distinct event.external_id) as used
        from (select distinct (happened_at at time zone 'UTC')::date as day from fresh) wanted
        left join contacts_communicationevent event
            on event.owner_id = %(owner)s and event.source = %(source)s
            and event.happened_at >= wanted.day::timestamp at time zone 'UTC'
            and event.happened_at < (wanted.day + 1)::timestamp at time zone 'UTC'
        group by wanted.day
    ), placed as (
        select fresh.*, fresh.place + day.used <= %(limit)s as fits
        from fresh join day on day.day = (fresh.happened_at at time zone 'UTC')::date
    ), written as (
        insert into contacts_communicationevent
            (owner_id, contact_id, kind, direction, happened_at, source, external_id, thread_id, subject, automated)
        select %(owner)s, contact_id, 'email', direction, happened_at, %(source)s, external_id, thread_id, subject,
            automated
        from placed where fits
        order by contact_id, happened_at
        on conflict (source, external_id, contact_id) do nothing
        returning contact_id
    )
    select (select count(*) from written), array(select distinct contact_id from written),
        (select count(distinct external_id) from placed where not fits)
"""


def record_messages(owner_id: int, messages: Sequence[Message], *, source: str, limit: int) -> Recorded:
    """Write an event for each message and contact; at most `limit` messages for each day (UTC), the rest are left out.

    `external_id` is unique within `source`; a message that is recorded already is not written again.
    """
    if not messages:
        return Recorded()
    persons = [(position, address) for position, found in enumerate(messages) for address in set(found.addresses)]
    parameters: dict[str, Any] = {
        "owner": owner_id,
        "source": source,
        "limit": limit,
        "positions": list(range(len(messages))),
        "external_ids": [message.external_id for message in messages],
        "times": [message.sent_at for message in messages],
        "directions": ["outbound" if message.is_outbound else "inbound" for message in messages],
        "threads": [message.thread_id for message in messages],
        "subjects": [message.subject for message in messages],
        "automated": [message.is_automated for message in messages],
        "persons": [position for position, _ in persons],
        "addresses": [address for _, address in persons],
    }
    with connection.cursor() as cursor:
        cursor.execute(MESSAGES, parameters)
        events, contact_ids, left_out = cursor.fetchone()
    return Recorded(events, frozenset(contact_ids), left_out)
