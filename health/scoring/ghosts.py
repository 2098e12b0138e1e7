"""Ghost signals: for each contact of `health_facts` the severity of every sign that holds, and what follows from it."""

from __future__ import annotations

LAST = f"({' + '.join(f'coalesce(last_answers[{n}], 0)' for n in range(1, 6))})"
CHANGE = "(ratings[2] + ratings[3] - 2 * ratings[1])"

# Each severity is null where the sign does not hold. Means are compared by multiplying across.
SEVERITIES = f"""
    case when ignored >= 3 then 'critical' when ignored >= 2 then 'high' end as email_no_response,
    case when answers_base + answers_30 >= 3 and cardinality(last_answers) > 0 then
        case when {LAST} * (answers_base + answers_30)
                  >= 5 * (coalesce(answer_sum_base, 0) + answer_sum_30) * cardinality(last_answers) then 'critical'
             when {LAST} * (answers_base + answers_30)
                  >= 3 * (coalesce(answer_sum_base, 0) + answer_sum_30) * cardinality(last_answers) then 'high' end
        end as response_time_increased,
    case when is_upset then case when cancellations >= 1 then 'critical' else 'high' end
        end as meeting_rescheduled_repeatedly,
    case when {CHANGE} > 0.3 then
        case when ratings[1] < -0.3 then 'critical' when {CHANGE} > 0.5 then 'high' else 'medium' end
        end as sentiment_declining,
    case when dropout_days >= 10 then 'high' when dropout_days >= 5 then 'medium' end as thread_dropout,
    case when days_since > 4 * rhythm then 'critical' when days_since > 2 * rhythm then 'high' end
        as engagement_pattern_break
"""

TYPES = (
    "email_no_response",
    "response_time_increased",
    "meeting_rescheduled_repeatedly",
    "sentiment_declining",
    "thread_dropout",
    "engagement_pattern_break",
)

POINTS = {"critical": 25, "high": 15, "medium": 5}

SUM = " + ".join(
    f"case {name} "
    + " ".join(f"when '{severity}' then {points}" for severity, points in POINTS.items())
    + " else 0 end"
    for name in TYPES
)

# The signs that hold for a row of `health_scored`, which has a column for each.
HOLDING = f"""
    select type, severity
    from (values {", ".join(f"('{name}', {name})" for name in TYPES)}) as sign (type, severity)
    where severity is not null
"""

ACTION = """case when ghost_probability >= 75 then 'urgent' when ghost_probability >= 50 then 'intervene_now'
    when ghost_probability >= 30 then 'intervene_soon' else 'monitor' end"""

DAYS_LEFT = "case when ghost_probability >= 50 then greatest(1, round((100 - ghost_probability) / 10.0))::integer end"

CONTEXT = """case when meeting_rescheduled_repeatedly is not null then 'meeting_rescheduled'
    when email_no_response is not null or thread_dropout is not null then 'multiple_followups_ignored'
    when ghost_probability >= 40 or num_nonnulls(response_time_increased, sentiment_declining,
        engagement_pattern_break) > 0 then 'general_ghosting' else '' end"""
