"""The rival of bench/health.py: scores and factors of all contacts of an owner by one statement, written by hand."""

from __future__ import annotations

RIVAL_TABLE = """
    create table rival (
        contact_id uuid primary key references contacts_contact, owner_id integer not null, score smallint,
        status varchar(10) not null, risk_level varchar(8) not null, factors jsonb not null,
        calculated_at timestamptz not null
    );
    create index on rival (owner_id, status, score)
"""

RIVAL = """
insert into rival (contact_id, owner_id, score, status, risk_level, factors, calculated_at)
with mail as (
    select contact_id, kind, direction, happened_at as t, rating, thread_id, id,
        kind in ('email', 'call', 'chat') as said,
        lead(direction) over w as prior_direction, lead(happened_at) over w as prior_t,
        min(happened_at) filter (where direction = 'inbound') over w as reply_t
    from contacts_communicationevent
    where owner_id = %(owner)s and not automated and happened_at <= %(now)s
    window w as (
        partition by contact_id, kind in ('email', 'call', 'chat') and direction <> 'mutual', thread_id collate "C",
            case when thread_id = '' then kind end
        order by happened_at desc, direction <> 'outbound', id desc
    )
), event as (
    select *, said and direction = 'outbound' as ours,
        reply_t is not null and (thread_id <> '' or reply_t <= t + interval '7 days') as replied,
        t < %(now)s - interval '48 hours' as ripe, t >= %(now)s - interval '30 days' as recent,
        t < %(now)s - interval '30 days' and t >= %(now)s - interval '90 days' as older,
        case when said and direction = 'inbound' and prior_direction = 'outbound'
            and (thread_id <> '' or t <= prior_t + interval '7 days') then extract(epoch from t - prior_t) end as took,
        max(t) filter (where said and direction <> 'outbound') over (partition by contact_id) as heard_t
    from mail
), fact as (
    select contact_id,
        count(*) filter (where said and recent) as n, count(*) filter (where said and older) as n0,
        count(*) filter (where kind = 'meeting' and recent) as m,
        count(*) filter (where kind = 'meeting' and older) as m0,
        floor(extract(epoch from %(now)s - max(t) filter (where said)) / 86400) as d,
        floor(extract(epoch from %(now)s - max(t) filter (where kind = 'meeting')) / 86400) as md,
        bool_or(kind = 'meeting' and t >= %(now)s - interval '365 days') as met,
        bool_or(said or kind = 'meeting') as started,
        count(*) filter (where ours and replied and recent) as yes,
        count(*) filter (where ours and not replied and ripe and recent) as no,
        bool_or(ours and ripe and recent) as asked,
        count(took) filter (where recent) as a, sum(took) filter (where recent) as s,
        count(took) filter (where older) as a0, sum(took) filter (where older) as s0,
        floor(extract(epoch from %(now)s - min(t) filter (where ours and (heard_t is null or t > heard_t))) / 86400)
            as waiting,
        (array_agg(rating order by t desc, id desc) filter (where rating is not null
            and kind in ('meeting', 'call', 'note') and t >= %(now)s - interval '90 days'))[:3] as r
    from event group by contact_id
), value as materialized (
    select contact.id, fact.*,
        2 * r[1] - r[2] - r[3] as trend,
        50 * ((select sum(x) from unnest(r) x) + cardinality(r)) / cardinality(r) as mood,
        case when started then case when n0 >= 3 then
            case when n >= greatest(1, n0 / 2) then 100 when 4 * n >= 3 * greatest(1, n0 / 2) then 75
                when 2 * n >= greatest(1, n0 / 2) then 50 when 4 * n >= greatest(1, n0 / 2) then 25 else 0 end
            else case when n >= 8 then 100 when n >= 4 then 75 when n >= 2 then 50 when n >= 1 then 25 else 0 end end
        end as f1,
        case when asked or a > 0 then least(100, greatest(0, 50
            + case when yes + no = 0 then 0 when yes * 100 >= 80 * (yes + no) then 50
                when yes * 100 >= 60 * (yes + no) then 35
                when yes * 100 >= 40 * (yes + no) then 20 when yes * 100 >= 20 * (yes + no) then 10 else 0 end
            + case when a = 0 then 0 when a0 >= 3 then
                case when s * a0 <= s0 * a then 50 when s * a0 <= 1.5 * s0 * a then 30 when s * a0 <= 2 * s0 * a then 10
                    when s * a0 <= 3 * s0 * a then -20 else -40 end
                when s <= 14400 * a then 50 when s <= 86400 * a then 30 when s <= 172800 * a then 10 else -20 end
        )) end as f2,
        case when met then least(100, greatest(0, 50
            + case when m >= 4 then 40 when m >= 2 then 25 when m >= 1 then 10 else 0 end
            + case when md <= 7 then 30 when md <= 14 then 15 when md <= 21 then 5 when md <= 45 then 0 else -30 end
        )) end as f3,
        case when met then case when m0 >= 3 then
            case when m >= greatest(1, m0 / 2) then 100 when 4 * m >= 3 * greatest(1, m0 / 2) then 75
                when 2 * m >= greatest(1, m0 / 2) then 50 when 4 * m >= greatest(1, m0 / 2) then 25 else 0 end
            else case when m >= 4 then 100 when m >= 2 then 75 when m >= 1 then 50 else 0 end end
        end as f5
    from contacts_contact contact left join fact on fact.contact_id = contact.id
    where contact.owner_id = %(owner)s and contact.archived_at is null
), rated as materialized (
    select *, case when started and r is not null then round(least(100, greatest(0, mood
        + case when trend > 0.2 then 15 when trend < -0.2 then -20 else 0 end)))::integer end as f4,
        case when f1 is null then 0 else 25 end + case when f2 is null then 0 else 30 end
        + case when f3 is null then 0 else 20 end + case when started and r is not null then 15 else 0 end
        + case when f5 is null then 0 else 10 end as w,
        waiting > 14 or (a > 0 and a0 >= 3 and s * a0 > 3 * s0 * a) as ghost,
        (d > 21)::integer as r1, (n < 2)::integer as r2, (yes + no > 0 and yes * 100 < 30 * (yes + no))::integer as r3,
        (waiting > 14)::integer as r4, (a > 0 and a0 >= 3 and s * a0 > 3 * s0 * a)::integer as r5,
        (md > 30)::integer as r6, (trend < -0.2)::integer as r7, (mood < 40)::integer as r8
    from value
), scored as materialized (
    select *, round((25 * coalesce(f1, 0) + 30 * coalesce(f2, 0) + 20 * coalesce(f3, 0) + 15 * coalesce(f4, 0)
            + 10 * coalesce(f5, 0))::numeric / nullif(w, 0))::integer as score,
        coalesce(r1, 0) + r2 + r3 + coalesce(r4, 0) + coalesce(r5, 0) + coalesce(r6, 0) + coalesce(r7, 0)
            + coalesce(r8, 0) as risks
    from rated
)
select id, %(owner)s, score,
    case when started is not true then 'unstarted' when ghost then 'ghost' when score >= 70 then 'healthy'
        when score >= 50 then 'at_risk' else 'critical' end,
    case when started is not true then '' when risks >= 4 or score < 30 then 'critical'
        when risks >= 3 or score < 45 then 'high' when risks >= 2 or score < 60 then 'medium' else 'low' end,
    jsonb_strip_nulls(jsonb_build_object(
        'communication_frequency', case when f1 is not null then
            jsonb_build_object('value', f1, 'points', round(f1 * 25.0 / w, 1), 'weight', 25) end,
        'response_behaviour', case when f2 is not null then
            jsonb_build_object('value', f2, 'points', round(f2 * 30.0 / w, 1), 'weight', 30) end,
        'engagement', case when f3 is not null then
            jsonb_build_object('value', f3, 'points', round(f3 * 20.0 / w, 1), 'weight', 20) end,
        'sentiment', case when f4 is not null then
            jsonb_build_object('value', f4, 'points', round(f4 * 15.0 / w, 1), 'weight', 15) end,
        'meeting_pattern', case when f5 is not null then
            jsonb_build_object('value', f5, 'points', round(f5 * 10.0 / w, 1), 'weight', 10) end
    )), %(now)s
from scored
on conflict (contact_id) do update set score = excluded.score, status = excluded.status,
    risk_level = excluded.risk_level, factors = excluded.factors, calculated_at = excluded.calculated_at
"""
