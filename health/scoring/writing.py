"""From `health_scored` into the tables: history first, as it compares with the rows that are then replaced."""

from __future__ import annotations

from health.scoring import ghosts

IS_CHANGED = "old_status is null or old_status <> status or old_score is distinct from score"

SNAPSHOTS = f"""
    insert into health_healthsnapshot (owner_id, {{subject}}, day, score, status, profile)
    select %(owner)s, subject_id, (%(now)s at time zone 'UTC')::date, score, status, %(profile)s
    from health_scored where {IS_CHANGED}
    on conflict ({{subject}}, day) where {{subject}} is not null do update
    set score = excluded.score, status = excluded.status, profile = excluded.profile
"""

BAND_CHANGES = """
    insert into health_bandchange (owner_id, {subject}, changed_at, from_status, to_status, from_score, to_score)
    select %(owner)s, subject_id, %(now)s, old_status, status, old_score, score
    from health_scored where old_status <> status
"""

COMMON = {
    "owner_id": "%(owner)s",
    "profile": "%(profile)s",
    "version": "%(version)s",
    "score": "score",
    "status": "status",
    "previous_status": "case when old_status <> status then old_status else coalesce(old_previous_status, '') end",
    "status_since": "case when old_status = status then old_status_since else %(now)s end",
    "risk_level": "risk_level",
    "risk_factors": "risk_factors",
    "known_factors": "known",
    "possible_factors": "possible",
    "factors": "factors",
    "facts": "facts",
    "sentence": "sentence",
    "calculated_at": "%(now)s",
    "next_event_at": "next_event_at",
    "held_rules": "coalesce(held.rules, '{}')",
    "told_status": "status",
}

# Written with a new row only: the first band is no news, later ones are told by the digest.
KEPT = ("told_status",)

ORGANIZATION = {
    "organization_id": "subject_id",
    **COMMON,
    "factors": "'{}'::jsonb",
    "held_rules": "array[]::integer[]",
    "ghost_probability": "0",
    "is_ghost_risk": "status = 'ghost'",
    "action": "'monitor'",
    "message_context": "''",
    "touches": "touches",
    "deals_seen": "''",
}

DEAL = {"deal_id": "subject_id", **COMMON, "facts_seen": "facts_seen"}


HELD = """
    left join (
        select subject_id as holder_id, array_agg(rule_id order by rule_id) as rules
        from health_holding group by subject_id
    ) held on holder_id = subject_id
"""


def upsert(table: str, columns: dict[str, str]) -> str:
    """Return the statement that writes the rows of `health_scored`; the first column is the key."""
    key, *others = columns
    is_holding = columns["held_rules"] == COMMON["held_rules"]
    changes = ", ".join(f"{column} = excluded.{column}" for column in others if column not in KEPT)
    return f"""
        insert into {table} ({", ".join(columns)})
        select {", ".join(columns.values())} from health_scored {HELD if is_holding else ""}
        on conflict ({key}) do update set {changes}
    """


RESOLVE_SIGNALS = f"""
    update health_signal signal set resolved_at = %(now)s
    from health_scored
    where signal.contact_id = subject_id and signal.resolved_at is null
        and signal.type not in (select type from ({ghosts.HOLDING}) sign)
"""

OPEN_SIGNALS = f"""
    insert into health_signal (owner_id, contact_id, type, severity, detected_at, changed_at)
    select %(owner)s, subject_id, type, severity, %(now)s, %(now)s
    from health_scored cross join lateral ({ghosts.HOLDING}) sign
    where num_nonnulls({", ".join(ghosts.TYPES)}) > 0
    on conflict (contact_id, type) where resolved_at is null
    do update set severity = excluded.severity, changed_at = excluded.changed_at
    where health_signal.severity <> excluded.severity
"""
