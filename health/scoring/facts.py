"""The facts of a contact: one row for each due contact of a range, into the temporary table `health_facts`.

Every count and mean comes as exact integers or numerics; a mean is kept as sum and count, so that a comparison with a
baseline can multiply across instead of dividing.

Facts are over 90 days, but for when somebody was last in touch and how often in a year. So only the events of 90 days
are put into threads and counted, and of older ones little more than the newest moments is read.

Events are always read by contact, in a lateral subquery that OFFSET 0, an aggregate or an order keeps from being turned
into another join. The index communicationevent_facts has every column that is needed, in the order of contacts and
time, so that a contact is one short stretch of it. Whatever the planner believes of tables that were filled a moment
ago, a run takes as long for a contact as that contact has events.
"""

from __future__ import annotations

D14, D30, D90, D365 = (f"%(now)s - interval '{days} days'" for days in (14, 30, 90, 365))


def days_since(moment: str) -> str:
    """Return SQL for the whole days since a moment, of 24 hours each: the difference of two moments has no months.

    By far cheaper than dividing seconds, which are of type numeric.
    """
    return f"date_part('day', %(now)s - {moment})::integer"


# What is known of one event.
EVENT = f"""
        contact_id, happened_at as at, event.id, direction, thread_id, rating, automated,
        kind in ('email', 'call', 'chat') as is_contact,
        kind in ('email', 'call', 'chat') and not automated as is_message,
        kind = 'meeting' as is_meeting,
        kind = 'meeting' and not automated as is_met,
        case when not automated then kind end as kind,
        case when not automated and direction <> 'mutual' and kind in ('email', 'call', 'chat')
            then case when thread_id = '' then kind else 'thread ' || thread_id end end collate "C" as thread,
        happened_at >= {D30} as is_recent,
        happened_at >= {D90} and happened_at < {D30} as is_base
"""

RECENT = f"""
    select event.* from ({{contacts}}) chosen
    cross join lateral (
        select {EVENT} {{more}} from contacts_communicationevent event
        where contact_id = chosen.id and happened_at between {D90} and %(now)s
        offset 0
    ) event
"""

# Of each thread in which they wrote within the 90 days, the newest message before: it may be what they answered.
ASKED_BEFORE = f"""
    select earlier.*
    from (
        select contact_id, array_agg(distinct thread_id) as thread_ids
        from recent where is_message and direction = 'inbound' group by contact_id
    ) heard
    cross join lateral (
        select distinct on (thread) {EVENT} {{more}}
        from contacts_communicationevent event
        where contact_id = heard.contact_id and happened_at < {D90} and thread_id = any (thread_ids)
            and (thread_id <> '' or happened_at >= {D90} - interval '7 days')
            and kind in ('email', 'call', 'chat') and direction <> 'mutual' and not automated
        order by thread, at desc, direction <> 'outbound', id desc
    ) earlier
"""

# Messages in one thread, newest first; without thread ids, messages of one kind. Ordered this way a single sort gives
# the message before (lead), the newest of the thread (no lag) and the next answer (the running minimum). At the same
# instant an inbound message counts as the earlier one: it cannot answer. Automated mail neither asks nor answers.
MESSAGES = """
    select *,
        lead(direction) over conversation as before_direction,
        lead(at) over conversation as before_at,
        lead(at, 2) over conversation as third_at,
        lag(id) over conversation is null as is_newest,
        min(at) filter (where direction = 'inbound') over conversation as next_inbound_at
    from (select * from recent union all select * from asked_before) event
    window conversation as (
        partition by contact_id, thread
        order by at desc, direction <> 'outbound', id desc
    )
"""

ANSWERS = """
    select *,
        is_message and direction = 'outbound' as is_ours,
        next_inbound_at is not null and (thread_id <> '' or next_inbound_at - at <= interval '7 days') as is_answered,
        at < %(now)s - interval '48 hours' as is_ripe,
        case when is_message and direction = 'inbound' and before_direction = 'outbound'
                  and (thread_id <> '' or at - before_at <= interval '7 days')
            then extract(epoch from at - before_at) end as answer_seconds
    from message
"""


def answers(*, contacts: str, more: str = "") -> str:
    """Return the beginning of a statement that gives `answer`: the events of 90 days, with what answers what."""
    return f"""
        with recent as ({RECENT.format(contacts=contacts, more=more)}),
            asked_before as ({ASKED_BEFORE.format(more=more)}), message as ({MESSAGES}), answer as ({ANSWERS})"""


RATINGS = f"""(array_agg(rating order by at desc, id desc)
            filter (where rating is not null and kind in ('meeting', 'call', 'note') and at >= {D90}))[:3]"""

COUNTS = f"""
    select contact_id,
        count(*) filter (where is_contact and is_recent) as all_contacts_30,
        count(*) filter (where is_meeting and is_recent) as all_meetings_30,
        count(*) filter (where automated and is_recent and (is_contact or is_meeting)) as excluded_30,
        count(*) filter (where is_message and is_recent) as contacts_30,
        count(*) filter (where is_message and is_base) as contacts_base,
        count(*) filter (where is_met and is_recent) as meetings_30,
        count(*) filter (where is_met and is_base) as meetings_base,
        count(*) filter (where is_ours and is_recent and is_answered) as answered,
        count(*) filter (where is_ours and is_recent and is_ripe and not is_answered) as unanswered,
        bool_or(is_ours and is_ripe and is_recent) as has_asked,
        count(answer_seconds) filter (where is_recent) as answers_30,
        sum(answer_seconds) filter (where is_recent) as answer_sum_30,
        count(answer_seconds) filter (where is_base) as answers_base,
        sum(answer_seconds) filter (where is_base) as answer_sum_base,
        (array_agg(answer_seconds order by at desc, id desc)
            filter (where answer_seconds is not null and is_recent))[:5] as last_answers,
        count(*) filter (where is_ours and kind = 'email' and not is_answered and is_ripe and at >= {D14}) as ignored,
        min(at) filter (where is_ours and is_newest and thread_id <> '' and at <= %(now)s - interval '5 days'
            and third_at >= {D14}) as dropped_at,
        {RATINGS} as ratings,
        count(*) filter (where kind = 'meeting_moved' and is_recent) as moves,
        count(*) filter (where kind = 'meeting_cancelled' and is_recent) as cancellations,
        max(at) filter (where kind in ('meeting_moved', 'meeting_cancelled') and is_recent) as upset_at
    from answer
    group by contact_id
"""

# Of the whole history: when there was contact last. Automated mail counts in the `all_` one only.
LATEST = """
    select
        max(at) filter (where is_contact) as all_contact_at,
        max(at) filter (where is_contact and not automated) as contact_at,
        max(at) filter (where is_contact and not automated and direction <> 'outbound') as heard_at,
        max(at) filter (where not is_contact and not automated) as meeting_at
    from (
        select happened_at as at, direction, automated, kind <> 'meeting' as is_contact
        from contacts_communicationevent event
        where event.contact_id = {contact} and kind in ('email', 'call', 'chat', 'meeting') and happened_at <= %(now)s
        offset 0
    ) met
"""

# The gaps, in whole days, between the days with contact in 365 days.
GAPS = f"""
    select {days_since("happened_at")} - lag({days_since("happened_at")}) over (order by happened_at desc) as days
    from contacts_communicationevent event
    where event.contact_id = {{contact}} and happened_at between {D365} and %(now)s
        and kind in ('email', 'call', 'chat') and not automated
"""

# The first of our messages since theirs.
WAITING = f"""
    select {days_since("min(happened_at)")} from contacts_communicationevent event
    where event.contact_id = due.id and happened_at > coalesce(heard_at, '-infinity') and happened_at <= %(now)s
        and kind in ('email', 'call', 'chat') and not automated and direction = 'outbound'
"""

# The value of the contact's open deals, and how much of it is in bad ones; scored before the contacts are.
VALUES = """
    select link.contact_id,
        sum(deal.one_off_amount + 12 * deal.monthly_amount) as value,
        sum(deal.one_off_amount + 12 * deal.monthly_amount)
            filter (where health.status in ('critical', 'stalled')) as bad_value
    from contacts_deal_contacts link
    join contacts_deal deal on deal.id = link.deal_id
    join health_dealhealth health on health.deal_id = deal.id
    where link.contact_id in (select id from health_due)
    group by link.contact_id
"""

COMING = """
    select contact_id, min(happened_at) as next_event_at
    from contacts_communicationevent where owner_id = %(owner)s and happened_at > %(now)s
    group by contact_id
"""

NUMBERS = (
    "all_contacts_30", "all_meetings_30", "excluded_30", "contacts_30", "contacts_base", "meetings_30", "meetings_base",
    "answered", "unanswered", "answers_30", "answers_base", "ignored", "moves", "cancellations",
)  # fmt: skip
OTHERS = ("answer_sum_30", "answer_sum_base", "last_answers", "ratings", "upset_at")

COLUMNS = ", ".join([f"coalesce({name}, 0) as {name}" for name in NUMBERS] + list(OTHERS))

# The median gap between days with contact, shrunk towards the owner's own: few gaps say little.
FACTS = f"""
    create temporary table health_facts on commit drop as
    {answers(contacts="select id from health_due")}, counts as ({COUNTS})
    select due.id as subject_id, due.facts_at, due.deals_seen, {COLUMNS},
        contact_at is not null or meeting_at is not null as is_started,
        coalesce(meeting_at >= {D365}, false) as has_meeting,
        coalesce(has_asked, false) as has_asked,
        {days_since("all_contact_at")} as all_days_since,
        {days_since("contact_at")} as days_since,
        {days_since("meeting_at")} as meeting_days,
        {days_since("dropped_at")} as dropout_days,
        deals.value, deals.bad_value, coming.next_event_at,
        gap.number as gaps,
        coalesce(
            due.wished_gap_days,
            (gap.number * gap.median + 3 * coalesce(%(owner_gap)s::numeric, gap.median)) / (gap.number + 3),
            %(owner_gap)s::numeric
        ) as rhythm,
        case when contact_at > coalesce(heard_at, '-infinity') then ({WAITING}) end as waiting_days,
        upset_at is not null and (moves >= 2 or cancellations >= 1) and not exists (
            select from contacts_communicationevent meeting
            where meeting.contact_id = due.id and meeting.kind = 'meeting' and not meeting.automated
                and meeting.recorded_at > upset_at
        ) as is_upset
    from health_due due
    cross join lateral ({LATEST.format(contact="due.id")}) latest
    cross join lateral (
        select count(*) as number, percentile_cont(0.5) within group (order by days)::numeric as median
        from ({GAPS.format(contact="due.id")}) gap where days > 0
    ) gap
    left join counts on counts.contact_id = due.id
    left join ({VALUES}) deals on deals.contact_id = due.id
    left join ({COMING}) coming on coming.contact_id = due.id
"""

# The median of all gaps of one owner's contacts.
OWNER_GAP = f"""
    select percentile_cont(0.5) within group (order by days)::numeric
    from contacts_contact contact cross join lateral ({GAPS.format(contact="contact.id")}) gap
    where contact.owner_id = %(owner)s and days > 0
"""
