"""Link messages with their answers, so that a timeline can say how long somebody waited.

The rule is that of the scores: within a thread, or without thread ids within seven days by the same means, an inbound
message answers all our earlier open ones; its answer time runs from the latest of them. Automated mail does neither.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connection

# At one instant an inbound message counts as the earlier one: it cannot answer. Only rows that differ are written.
LINK = """
    with message as (
        select id, direction, thread_id, happened_at, answered_at, answer_seconds,
            lag(direction) over conversation as before_direction,
            lag(happened_at) over conversation as before_at,
            min(happened_at) filter (where direction = 'inbound') over (
                conversation rows between 1 following and unbounded following
            ) as next_inbound_at
        from contacts_communicationevent
        where contact_id = any(%s) and kind in ('email', 'call', 'chat') and not automated and direction <> 'mutual'
        window conversation as (
            partition by contact_id, thread_id, case when thread_id = '' then kind end
            order by happened_at, direction = 'outbound', id
        )
    ), linked as (
        select id, answered_at, answer_seconds,
            case when direction = 'outbound'
                and (thread_id <> '' or next_inbound_at - happened_at <= interval '7 days')
                then next_inbound_at end as new_answered_at,
            case when direction = 'inbound' and before_direction = 'outbound'
                and (thread_id <> '' or happened_at - before_at <= interval '7 days')
                then extract(epoch from happened_at - before_at)::integer end as new_answer_seconds
        from message
    )
    update contacts_communicationevent event
    set answered_at = linked.new_answered_at, answer_seconds = linked.new_answer_seconds
    from linked
    where event.id = linked.id
        and (linked.answered_at, linked.answer_seconds)
            is distinct from (linked.new_answered_at, linked.new_answer_seconds)
"""


def link_answers(contact_ids: Collection[UUID]) -> int:
    """Set `answered_at` of our messages and `answer_seconds` of theirs for these contacts; return how many changed."""
    if not contact_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(LINK, [sorted(contact_ids)])
        changed: int = cursor.rowcount
    return changed
