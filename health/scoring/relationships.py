"""From `health_facts` to `health_scored`: all that is stored for the contacts of a range, and the ghost signals."""

from __future__ import annotations

from health.scoring import classic, ghosts, signals
from health.scoring.factors import as_json, score, values, weight_sum

# Each step is a subquery of its own, fenced by OFFSET 0: pulled up, every expression would be computed again for each
# use of it by the next step.
SCORED = """
    create temporary table health_scored on commit drop as
    select subject_id, facts_at, deals_seen, next_event_at, contacts_30 + meetings_30 as touches,
        {days_since} as days_since_contact, score, status, {risk_level} as risk_level, risk_factors, known,
        {possible} as possible, {factors} as factors, {facts} as facts, {sentence} as sentence,
        ghost_probability, status = 'ghost' or ghost_probability >= 40 as is_ghost_risk,
        {action} as action, {days_left} as days_left, {context} as message_context, {signals} as signals,
        old_score, old_status, old_previous_status, old_status_since, old_calculated_at, old_held_rules
    from health_facts
    left join (
        select contact_id, score as old_score, status as old_status, previous_status as old_previous_status,
            status_since as old_status_since, calculated_at as old_calculated_at, held_rules as old_held_rules,
            factors as old_factors, profile as old_profile
        from health_relationshiphealth
    ) old on old.contact_id = subject_id
    {steps}
"""


def _statement(*steps: str, **columns: object) -> str:
    chain = "\n    ".join(f"cross join lateral (select {step} offset 0) step{n}" for n, step in enumerate(steps))
    return SCORED.format(
        steps=chain,
        action=ghosts.ACTION,
        days_left=ghosts.DAYS_LEFT,
        context=ghosts.CONTEXT,
        signals=ghosts.AS_JSON,
        **columns,
    )


CLASSIC = _statement(
    f"{classic.SCORE} as score, array[]::text[] as risk_factors, 3 as known, {ghosts.SEVERITIES}",
    f"{classic.STATUS} as status, {classic.PROBABILITY} as ghost_probability",
    days_since="all_days_since",
    risk_level=classic.RISK_LEVEL,
    possible=3,
    factors=classic.FACTORS,
    facts=classic.FACTS,
    sentence=classic.SENTENCE,
)

SIGNALS = _statement(
    signals.RAW,
    values(signals.FACTORS, guard="is_started"),
    f"{weight_sum(signals.FACTORS)} as weights, num_nonnulls({', '.join(f'v_{f}' for f in signals.FACTORS)}) as known",
    f"{score(signals.FACTORS)} as score, {signals.RISK_LIST} as risk_factors, {ghosts.SEVERITIES}",
    f"{signals.STATUS} as status, least(100, {signals.BASE} + {ghosts.SUM}) as ghost_probability",
    days_since="days_since",
    risk_level=signals.RISK_LEVEL,
    possible=len(signals.FACTORS),
    factors=as_json(signals.FACTORS),
    facts=signals.FACTS,
    sentence=signals.SENTENCE,
)

STATEMENTS = {"classic": CLASSIC, "signals": SIGNALS}
