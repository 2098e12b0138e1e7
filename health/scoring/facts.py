"""The facts of a contact: one row for each due contact of a range, into the temporary table `health_facts`.

Every count and mean comes as exact integers or numerics; a mean is kept as sum and count, so that a comparison with a
baseline can multiply across instead of dividing.
"""

from __future__ import annotations

D14, D30, D90, D365 = (f"%(now)s - interval '{days} days'" for days in (14, 30, 90, 365))

# A day is 24 hours: the difference of two moments has no months, and its days are whole. By far cheaper than dividing
# seconds, which are of type numeric.
DAYS = "date_part('day', %(now)s - happened_at)::integer"

# The order is that of the index communicationevent_facts, which has every column that is read here: no row of the table
# is visited, and what remains to be sorted is a few events of one contact at a time. The bounds keep a range from
# reading the index from its beginning. A subquery with an order is not pulled up, so that no column is computed twice.
EVENTS = f"""
    select contact_id, happened_at as at, event.id, direction, thread_id, rating, automated, {{more}}
        kind in ('email', 'call', 'chat') as is_contact,
        kind in ('email', 'call', 'chat') and not automated as is_message,
        kind = 'meeting' as is_meeting,
        kind = 'meeting' and not automated as is_met,
        case when not automated then kind end as kind,
        case when not automated and direction <> 'mutual' and kind in ('email', 'call', 'chat')
            then case when thread_id = '' then kind else 'thread ' || thread_id end end collate "C" as thread,
        {DAYS} as day,
        happened_at >= {D30} as is_recent,
        happened_at < {D30} and happened_at >= {D90} as is_base
    from ({{contacts}}) chosen join contacts_communicationevent event on contact_id = chosen.id
    where happened_at <= %(now)s {{bounds}}
    order by contact_id
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
    from event
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

RATINGS = f"""(array_agg(rating order by at desc, id desc)
            filter (where rating is not null and kind in ('meeting', 'call', 'note') and at >= {D90}))[:3]"""

COUNTS = f"""
    select contact_id,
        count(*) filter (where is_contact and is_recent) as all_contacts_30,
        count(*) filter (where is_meeting and is_recent) as all_meetings_30,
        min(day) filter (where is_contact) as all_days_since,
        count(*) filter (where automated and is_recent and (is_contact or is_meeting)) as excluded_30,
        bool_or(is_message or is_met) as is_started,
        count(*) filter (where is_message and is_recent) as contacts_30,
        count(*) filter (where is_message and is_base) as contacts_base,
        min(day) filter (where is_message) as days_since,
        count(*) filter (where is_met and is_recent) as meetings_30,
        count(*) filter (where is_met and is_base) as meetings_base,
        min(day) filter (where is_met) as meeting_days,
        bool_or(is_met and at >= {D365}) as has_meeting,
        count(*) filter (where is_ours and is_recent and is_answered) as answered,
        count(*) filter (where is_ours and is_recent and is_ripe and not is_answered) as unanswered,
        bool_or(is_ours and is_ripe and is_recent) as has_asked,
        count(answer_seconds) filter (where is_recent) as answers_30,
        sum(answer_seconds) filter (where is_recent) as answer_sum_30,
        count(answer_seconds) filter (where is_base) as answers_base,
        sum(answer_seconds) filter (where is_base) as answer_sum_base,
        (array_agg(answer_seconds order by at desc, id desc)
            filter (where answer_seconds is not null and is_recent))[:5] as last_answers,
        array_agg(at) filter (where is_ours and next_inbound_at is null) as open_at,
        max(at) filter (where is_message and direction <> 'outbound') as heard_at,
        count(*) filter (where is_ours and kind = 'email' and not is_answered and is_ripe and at >= {D14}) as ignored,
        max(day) filter (where is_ours and is_newest and thread_id <> '' and at <= %(now)s - interval '5 days'
            and third_at >= {D14}) as dropout_days,
        {RATINGS} as ratings,
        count(*) filter (where kind = 'meeting_moved' and is_recent) as moves,
        count(*) filter (where kind = 'meeting_cancelled' and is_recent) as cancellations,
        max(at) filter (where kind in ('meeting_moved', 'meeting_cancelled') and is_recent) as upset_at,
        array_agg(day) filter (where is_message and at >= {D365}) as contact_days
    from answer
    group by contact_id
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
FLAGS = ("is_started", "has_meeting", "has_asked")
OTHERS = (
    "all_days_since", "days_since", "meeting_days", "dropout_days", "answer_sum_30", "answer_sum_base",
    "last_answers", "ratings", "upset_at",
)  # fmt: skip

COLUMNS = ", ".join(
    [f"coalesce({name}, 0) as {name}" for name in NUMBERS] + [f"coalesce({name}, false) as {name}" for name in FLAGS]
    + list(OTHERS)
)  # fmt: skip

BOUNDS = "and contact_id between %(first)s and %(last)s"

# The median gap between days with contact, shrunk towards the owner's own: few gaps say little.
FACTS = f"""
    create temporary table health_facts on commit drop as
    with event as ({EVENTS.format(contacts="select id from health_due", more="", bounds=BOUNDS)}),
        message as ({MESSAGES}), answer as ({ANSWERS}), counts as ({COUNTS})
    select due.id as subject_id, due.facts_at, due.deals_seen, {COLUMNS},
        deals.value, deals.bad_value, coming.next_event_at,
        coalesce(gap.number, 0) as gaps,
        coalesce(
            due.wished_gap_days,
            (gap.number * gap.median + 3 * coalesce(%(owner_gap)s::numeric, gap.median)) / (gap.number + 3),
            %(owner_gap)s::numeric
        ) as rhythm,
        case when open_at is not null then (
            select floor(extract(epoch from %(now)s - min(at)) / 86400)::integer from unnest(open_at) as at
            where heard_at is null or at > heard_at
        ) end as waiting_days,
        upset_at is not null and (moves >= 2 or cancellations >= 1) and not exists (
            select from contacts_communicationevent meeting
            where meeting.contact_id = due.id and meeting.kind = 'meeting' and not meeting.automated
                and meeting.recorded_at > upset_at
        ) as is_upset
    from health_due due
    left join counts on counts.contact_id = due.id
    left join lateral (
        select count(*) as number, percentile_cont(0.5) within group (order by days)::numeric as median
        from (select day - lag(day) over (order by day) as days from unnest(contact_days) as day) step
        where days > 0
    ) gap on cardinality(contact_days) > 1
    left join ({VALUES}) deals on deals.contact_id = due.id
    left join ({COMING}) coming on coming.contact_id = due.id
"""

# The median of all gaps, in days, between days with contact of one owner's contacts in 365 days.
OWNER_GAP = f"""
    select percentile_cont(0.5) within group (order by gap)::numeric from (
        select day - lag(day) over (partition by contact_id order by happened_at desc) as gap
        from (
            select contact_id, happened_at, {DAYS} as day
            from contacts_communicationevent
            where owner_id = %(owner)s and kind in ('email', 'call', 'chat') and not automated
                and happened_at >= {D365} and happened_at <= %(now)s
        ) met
    ) gaps
    where gap > 0
"""
