"""Deals: their facts from the events of their contacts, and both profiles, into `health_scored`."""

from __future__ import annotations

from health.scoring.factors import ago, as_json, clamp, counted, score, steps, values, weight_sum
from health.scoring.facts import LATEST, RATINGS, answers, days_since
from health.scoring.signals import SENTIMENT, TREND

FACTORS = ("stage_velocity", "sentiment", "engagement", "activity", "response_time")

CONTACTS = """
    select distinct link.contact_id as id from contacts_deal_contacts link
    where link.deal_id in (select id from health_due)
"""

# An event that several contacts of a deal have is one: the row with a rating, or the quickest answer, stands for it.
UNIQUE = """
    select distinct on (link.deal_id, source, external_id) link.deal_id, answer.*
    from answer join contacts_deal_contacts link using (contact_id)
    where link.deal_id in (select id from health_due)
    order by link.deal_id, source, external_id, rating is null, answer_seconds nulls last, contact_id
"""

COUNTS = f"""
    select deal_id,
        count(*) filter (where is_message and is_recent) as events_30,
        count(*) filter (where is_met and is_recent) as meetings_30,
        count(answer_seconds) filter (where is_recent) as answers_30,
        sum(answer_seconds) filter (where is_recent) as answer_sum_30,
        {RATINGS} as ratings
    from shared group by deal_id
"""

# When there was a meeting or any contact last, with any contact of the deal.
LATEST_OF_DEAL = f"""
    select max(meeting_at) as meeting_at, max(greatest(meeting_at, contact_at)) as touched_at
    from contacts_deal_contacts link cross join lateral ({LATEST.format(contact="link.contact_id")}) latest
    where link.deal_id = due.id
"""

# Shown beside the velocity: what won deals of the same owner took.
USUAL_DAYS = """
    select stage_id, percentile_cont(0.5) within group (order by days)::numeric as usual_days from (
        select stay.stage_id, stay.deal_id, sum(extract(epoch from stay.left_at - stay.entered_at)) / 86400 as days
        from contacts_dealstay stay
        join contacts_deal deal on deal.id = stay.deal_id and deal.owner_id = %(owner)s
        join contacts_dealstage stage on stage.id = deal.stage_id and stage.outcome = 'won'
        where stay.left_at is not null
        group by stay.stage_id, stay.deal_id
    ) won
    group by stage_id having count(*) >= 5
"""

DEAL_FACTS = f"""
    create temporary table health_facts on commit drop as
    {answers(contacts=CONTACTS, more=", source, external_id")}, shared as ({UNIQUE}), counts as ({COUNTS})
    select due.id as subject_id, facts_seen, next_event_at, has_contact, days_in_stage,
        expected_close - (%(now)s at time zone 'UTC')::date as close_days,
        stage.position = (select max(position) from contacts_dealstage where outcome = 'open') as is_last_stage,
        coalesce(events_30, 0) as events_30, coalesce(meetings_30, 0) as meetings_30,
        {days_since("latest.meeting_at")} as meeting_days, {days_since("touched_at")} as silent_days,
        coalesce(answers_30, 0) as answers_30, answer_sum_30, ratings, usual.usual_days,
        limits.optimal, limits.warning, limits.critical
    from health_due due
    join contacts_dealstage stage on stage.id = due.stage_id
    left join counts on counts.deal_id = due.id
    cross join lateral ({LATEST_OF_DEAL}) latest
    left join ({USUAL_DAYS}) usual on usual.stage_id = due.stage_id
    left join lateral (
        select * from health_stagelimits row
        where row.profile_id = %(profile_id)s and (row.stage_id = due.stage_id or row.stage_id is null)
        order by row.stage_id nulls last limit 1
    ) limits on true
"""

SCORED = """
    create temporary table health_scored on commit drop as
    select subject_id, facts_seen, next_event_at, has_contact, days_in_stage, close_days, is_last_stage, silent_days,
        meetings_30, answers_30, answer_sum_30, ratings,
        score, status, {risk_level} as risk_level, risk_factors, known, {possible} as possible, {factors} as factors,
        {facts} as facts, {sentence} as sentence,
        old_score, old_status, old_previous_status, old_status_since, old_calculated_at, old_held_rules
    from health_facts
    left join (
        select deal_id, score as old_score, status as old_status, previous_status as old_previous_status,
            status_since as old_status_since, calculated_at as old_calculated_at, held_rules as old_held_rules,
            factors as old_factors, profile as old_profile
        from health_dealhealth
    ) old on old.deal_id = subject_id
    {steps}
"""

VELOCITY = """case when days_in_stage <= optimal then 100
    when days_in_stage <= warning then 100 - 40 * (days_in_stage - optimal)::numeric / (warning - optimal)
    when days_in_stage <= critical then 60 - 40 * (days_in_stage - warning)::numeric / (critical - warning)
    else greatest(0, 20 - (days_in_stage - critical)::numeric / 5) end"""

CLASSIC_VELOCITY = """case when optimal is null then 50 when days_in_stage <= optimal then 100
    when days_in_stage <= warning then 75 when days_in_stage <= critical then 50 else 25 end"""

ENGAGEMENT = " + ".join(
    [
        "50",
        steps("meetings_30", (4, 40), (2, 30), (1, 15), otherwise=0),
        steps("events_30", (8, 30), (4, 20), (2, 10), otherwise=0),
        steps("coalesce(meeting_days, 30)", (7, 30), (14, 15), (30, 0), otherwise=-30, operator="<="),
    ]
)

# A deal without any activity has been silent for more than 14 days.
ACTIVITY = " + ".join(
    [
        "50",
        steps("events_30", (10, 50), (5, 35), (2, 20), (1, 10), otherwise=-30),
        steps("silent_days", (3, 20), (7, 10), (14, 0), otherwise=-40, operator="<="),
    ]
)

RESPONSE_TIME = steps(
    "answer_sum_30",
    *((f"{hours * 3600} * answers_30", points) for hours, points in ((4, 100), (24, 80), (48, 50))),
    otherwise="greatest(0, 30 - answer_sum_30 / (36000 * answers_30))",
    operator="<=",
)

RAW = f"""
    ({VELOCITY})::numeric as f_stage_velocity,
    case when ratings is not null then {
    clamp(f"{SENTIMENT} + case when {TREND} > 0.2 then 10 when {TREND} < -0.2 then -15 else 0 end")
} end::numeric as f_sentiment,
    case when has_contact then {clamp(ENGAGEMENT)} end::numeric as f_engagement,
    case when has_contact then {clamp(ACTIVITY)} end::numeric as f_activity,
    case when answers_30 > 0 then {RESPONSE_TIME} end::numeric as f_response_time
"""

RISKS = {
    "long_in_stage": "days_in_stage >= 14 and days_in_stage < 30",
    "critically_long_in_stage": "days_in_stage >= 30",
    "sentiment_declining": f"{TREND} < -0.2",
    "sentiment_low": f"{SENTIMENT} < 35",
    "last_meeting_long_ago": "meeting_days > 21",
    "no_meeting": "has_contact and meetings_30 = 0",
    "no_activity": "silent_days is null or silent_days > 14",
    "few_events": "has_contact and events_30 < 2",
    "slow_answers": "answers_30 > 0 and answer_sum_30 > 172800 * answers_30",
}

RISK_LIST = "array_remove(array[{}], null)".format(
    ", ".join(f"case when {condition} then '{name}' end" for name, condition in RISKS.items())
)

STATUS = """case when score >= %(b_healthy)s then 'healthy' when score >= %(b_warning)s then 'warning'
    when score >= %(b_critical)s then 'critical' else 'stalled' end"""

CLASSIC_RISK_LEVEL = """case when score >= %(b_healthy)s then 'low' when score >= %(b_warning)s then 'medium'
    when score >= %(b_critical)s then 'high' else 'critical' end"""

RISK_LEVEL = """case when cardinality(risk_factors) >= 4 or score < 25 then 'critical'
    when cardinality(risk_factors) >= 3 or score < 40 then 'high'
    when cardinality(risk_factors) >= 2 or score < 60 then 'medium' else 'low' end"""

SENTENCE = f"""concat(initcap(status), ' at ', score, ': ', concat_ws('; ',
    {counted("days_in_stage", "day", "days")} || ' in this stage'
        || coalesce(', won deals took ' || round(usual_days, 1), ''),
    case when has_contact then {counted("events_30", "message or call", "messages or calls")} || ' and '
        || {counted("meetings_30", "meeting", "meetings")} || ' in 30 days' end,
    'last activity ' || {ago("silent_days")}
), '.')"""

FACTS = """jsonb_strip_nulls(jsonb_build_object(
    'days_in_stage', days_in_stage, 'usual_days', round(usual_days, 1), 'days_to_close', close_days,
    'contact_events', events_30, 'meetings', meetings_30, 'days_since_meeting', meeting_days,
    'days_since_activity', silent_days, 'answer_hours', round(answer_sum_30 / nullif(answers_30, 0) / 3600, 2),
    'ratings', to_jsonb(ratings), 'limits', to_jsonb(array[optimal, warning, critical])
))"""


def _statement(*steps_: str, **columns: object) -> str:
    chain = "\n    ".join(f"cross join lateral (select {step} offset 0) step{n}" for n, step in enumerate(steps_))
    return SCORED.format(steps=chain, facts=FACTS, sentence=SENTENCE, **columns)


CLASSIC = _statement(
    f"{CLASSIC_VELOCITY} as score, array[]::text[] as risk_factors, 1 as known",
    f"{STATUS} as status",
    risk_level=CLASSIC_RISK_LEVEL,
    possible=1,
    factors="jsonb_build_object('stage_velocity', jsonb_build_object('value', score, 'points', score))",
)

SIGNALS = _statement(
    RAW,
    values(FACTORS),
    f"{weight_sum(FACTORS)} as weights, num_nonnulls({', '.join(f'v_{name}' for name in FACTORS)}) as known",
    f"{score(FACTORS)} as score, {RISK_LIST} as risk_factors",
    f"{STATUS} as status",
    risk_level=RISK_LEVEL,
    possible=len(FACTORS),
    factors=as_json(FACTORS),
)

STATEMENTS = {"classic": CLASSIC, "signals": SIGNALS}
