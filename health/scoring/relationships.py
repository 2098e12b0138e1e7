"""Contacts: from `health_facts` to `health_scored`, and what is stored of it.

The temporary table has the facts, the old row and what the score is made of, and is read by several statements; texts
and JSON, by far the widest columns, are put together where they are written.
"""

from __future__ import annotations

from health.scoring import classic, ghosts, signals, writing
from health.scoring.factors import as_json, score, values, weight_sum

# Each step is a subquery of its own, fenced by OFFSET 0: pulled up, every expression would be computed again for each
# use of it by the next step.
SCORED = """
    create temporary table health_scored on commit drop as
    select *
    from health_facts
    left join (
        select contact_id, score as old_score, status as old_status, previous_status as old_previous_status,
            status_since as old_status_since, calculated_at as old_calculated_at, held_rules as old_held_rules,
            factors as old_factors, profile as old_profile
        from health_relationshiphealth where contact_id between %(first)s and %(last)s
    ) old on old.contact_id = subject_id
    {steps}
"""


def _statement(*steps: str) -> str:
    chain = "\n    ".join(f"cross join lateral (select {step} offset 0) step{n}" for n, step in enumerate(steps))
    return SCORED.format(steps=chain)


def _columns(**columns: str) -> dict[str, str]:
    return {
        "contact_id": "subject_id",
        **writing.COMMON,
        "ghost_probability": "ghost_probability",
        "is_ghost_risk": "status = 'ghost' or ghost_probability >= 40",
        "action": ghosts.ACTION,
        "days_left": ghosts.DAYS_LEFT,
        "message_context": ghosts.CONTEXT,
        "touches": "contacts_30 + meetings_30",
        "facts_seen_at": "facts_at",
        "deals_seen": "deals_seen",
        **columns,
    }


STATEMENTS = {
    "classic": _statement(
        f"{classic.SCORE} as score, array[]::text[] as risk_factors, 3 as known, {ghosts.SEVERITIES}",
        f"{classic.STATUS} as status, {classic.PROBABILITY} as ghost_probability",
    ),
    "signals": _statement(
        signals.RAW,
        values(signals.FACTORS, guard="is_started"),
        f"{weight_sum(signals.FACTORS)} as weights, "
        f"num_nonnulls({', '.join(f'v_{name}' for name in signals.FACTORS)}) as known",
        f"{score(signals.FACTORS)} as score, {signals.RISK_LIST} as risk_factors, {ghosts.SEVERITIES}",
        f"{signals.STATUS} as status, least(100, {signals.BASE} + {ghosts.SUM}) as ghost_probability",
    ),
}

COLUMNS = {
    "classic": _columns(
        risk_level=classic.RISK_LEVEL,
        possible_factors="3",
        factors=classic.FACTORS,
        facts=classic.FACTS,
        sentence=classic.SENTENCE,
        days_since_contact="all_days_since",
    ),
    "signals": _columns(
        risk_level=signals.RISK_LEVEL,
        possible_factors=str(len(signals.FACTORS)),
        factors=as_json(signals.FACTORS),
        facts=signals.FACTS,
        sentence=signals.SENTENCE,
        days_since_contact="days_since",
    ),
}
