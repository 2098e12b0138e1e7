"""The profile `signals` for contacts: five factors that exist only where a source gives their facts."""

from __future__ import annotations

from health.scoring.factors import ago, clamp, counted, steps

FACTORS = ("communication_frequency", "response_behaviour", "engagement", "sentiment", "meeting_pattern")


def against_expected(count: str, base: str, *limits: tuple[int, int]) -> str:
    """Return SQL that rates a 30-day count by the expected one, or by fixed limits without a baseline.

    The baseline counts 60 days, from 3 on; so floor(30 / (60 / base)) is half of it.
    """
    expected = f"greatest(1, {base} / 2)"
    ratio = steps(f"4 * {count}", *((f"{n} * {expected}", 25 * n) for n in (4, 3, 2, 1)), otherwise=0)
    return f"case when {base} >= 3 then {ratio} else {steps(count, *limits, otherwise=0)} end"


SHARE = f"""case when answered + unanswered > 0 then {
    steps(
        "100 * answered",
        *((f"{share} * (answered + unanswered)", points) for share, points in ((80, 50), (60, 35), (40, 20), (20, 10))),
        otherwise=0,
    )
} else 0 end"""

ANSWER_TIME = f"""case when answers_30 = 0 then 0 when answers_base >= 3 then {
    steps(
        "answer_sum_30 * answers_base",
        *(
            (f"{times} * answer_sum_base * answers_30", points)
            for times, points in ((1, 50), (1.5, 30), (2, 10), (3, -20))
        ),
        otherwise=-40,
        operator="<=",
    )
}
    else {
    steps(
        "answer_sum_30",
        *((f"{hours * 3600} * answers_30", points) for hours, points in ((4, 50), (24, 30), (48, 10))),
        otherwise=-20,
        operator="<=",
    )
} end"""

MEETINGS = steps("meetings_30", (4, 40), (2, 25), (1, 10), otherwise=0)
MEETING_AGE = steps("meeting_days", (7, 30), (14, 15), (21, 5), (45, 0), otherwise=-30, operator="<=")

# Of at most three ratings of -1 to 1, newest first: (mean + 1) / 2 * 100.
SENTIMENT = """(50 * (ratings[1] + coalesce(ratings[2], 0) + coalesce(ratings[3], 0) + cardinality(ratings))
    / cardinality(ratings))"""
TREND = "(2 * ratings[1] - ratings[2] - ratings[3])"

RAW = f"""
    case when is_started then {against_expected("contacts_30", "contacts_base", (8, 100), (4, 75), (2, 50), (1, 25))}
        end::numeric as f_communication_frequency,
    case when is_started and (has_asked or answers_30 > 0) then {clamp(f"50 + {SHARE} + {ANSWER_TIME}")}
        end::numeric as f_response_behaviour,
    case when is_started and has_meeting then {clamp(f"50 + {MEETINGS} + {MEETING_AGE}")} end::numeric as f_engagement,
    case when is_started and ratings is not null then {
    clamp(f"{SENTIMENT} + case when {TREND} > 0.2 then 15 when {TREND} < -0.2 then -20 else 0 end")
} end::numeric as f_sentiment,
    case when is_started and has_meeting
        then {
    against_expected("meetings_30", "meetings_base", (4, 100), (2, 75), (1, 50))
} end::numeric as f_meeting_pattern
"""

RISKS = {
    "no_contact": "days_since > 21",
    "few_events": "contacts_30 < 2",
    "few_answers": "answered + unanswered > 0 and 100 * answered < 30 * (answered + unanswered)",
    "waiting_for_answer": "waiting_days > 14",
    "answers_far_slower": "answers_30 > 0 and answers_base >= 3 "
    "and answer_sum_30 * answers_base > 3 * answer_sum_base * answers_30",
    "no_meeting": "meeting_days > 30",
    "sentiment_declining": f"{TREND} < -0.2",
    "sentiment_low": f"{SENTIMENT} < 40",
    "value_at_risk": "2 * bad_value > value",
}

RISK_LIST = "case when is_started then array_remove(array[{}], null) else array[]::text[] end".format(
    ", ".join(f"case when {condition} then '{name}' end" for name, condition in RISKS.items())
)

STATUS = """case when not is_started then 'unstarted'
    when risk_factors && array['waiting_for_answer', 'answers_far_slower'] then 'ghost'
    when score >= %(b_healthy)s then 'healthy' when score >= %(b_at_risk)s then 'at_risk'
    when score >= %(b_critical)s then 'critical' else 'ghost' end"""

RISK_LEVEL = """case when not is_started then ''
    when cardinality(risk_factors) >= 4 or score < 30 then 'critical'
    when cardinality(risk_factors) >= 3 or score < 45 then 'high'
    when cardinality(risk_factors) >= 2 or score < 60 then 'medium' else 'low' end"""

BASE = "case when score < 30 then 40 when score < 50 then 20 else 0 end"

SENTENCE = f"""case when status = 'unstarted' then 'Not started: no contact with a person is on record.' else concat(
    case status when 'healthy' then 'Healthy' when 'at_risk' then 'At risk' when 'critical' then 'Critical'
        else 'Ghost' end, ' at ', score, ' by ', known, ' of 5 signals: ',
    concat_ws('; ',
        {counted("contacts_30", "message or call", "messages or calls")} || ' in 30 days'
            || case when contacts_base >= 3 then ', usually ' || greatest(1, contacts_base / 2) else '' end,
        'last contact ' || {ago("days_since")},
        answered || ' of ' || nullif(answered + unanswered, 0) || ' of our messages answered',
        'answers take ' || round(answer_sum_30 / nullif(answers_30, 0) / 3600, 1) || ' hours',
        'last meeting ' || {ago("meeting_days")},
        'our oldest message without answer is ' || {counted("nullif(waiting_days, 0)", "day", "days")} || ' old',
        'mood ' || v_sentiment || ' of 100'
    ), '.') end"""

FACTS = """jsonb_strip_nulls(jsonb_build_object(
    'contact_events', contacts_30,
    'usual_contact_events', case when contacts_base >= 3 then greatest(1, contacts_base / 2) end,
    'days_since_contact', days_since, 'rhythm_days', round(rhythm, 1), 'gaps', gaps, 'meetings', meetings_30,
    'usual_meetings', case when meetings_base >= 3 then greatest(1, meetings_base / 2) end,
    'days_since_meeting', meeting_days, 'answered', answered, 'unanswered', unanswered,
    'answer_hours', round(answer_sum_30 / nullif(answers_30, 0) / 3600, 2),
    'usual_answer_hours', case when answers_base >= 3 then round(answer_sum_base / answers_base / 3600, 2) end,
    'waiting_days', waiting_days, 'ratings', to_jsonb(ratings), 'moves', moves, 'cancellations', cancellations,
    'excluded', excluded_30, 'deal_value', value, 'deal_value_at_risk', bad_value
))"""
