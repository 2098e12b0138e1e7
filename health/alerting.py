"""Alerts: which rules hold for the rows of `health_scored`, and what becomes of the alerts of these subjects.

A rule must hold in two calculations in a row to raise an alert and fail in two to clear it; a first score raises none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from health.models import Alert

# Silent for ever, for a deal on which nothing ever happened.
NEVER = 99_999

HOLDING = """
    create temporary table health_holding on commit drop as
    with held as (
        select subject_id, rule.id as rule_id, rule.superseded_by_id
        from health_scored cross join health_alertrule rule
        where rule.enabled and {condition}
    )
    select subject_id, rule_id from held
    where not exists (
        select from held better where better.subject_id = held.subject_id and better.rule_id = held.superseded_by_id
    )
"""

DEAL_CONDITION = f"""case rule.metric
    when 'days_in_stage' then days_in_stage >= rule.limit
    when 'sentiment_drop' then ratings[2] + ratings[3] - 2 * ratings[1] >= 2 * rule.limit
    when 'days_silent' then coalesce(silent_days, {NEVER}) >= rule.limit
    when 'meetings' then has_contact and meetings_30 < rule.limit
    when 'answer_hours' then answers_30 > 0 and answer_sum_30 > rule.limit * 3600 * answers_30
    when 'days_to_close' then close_days <= rule.limit and not is_last_stage
    else false end"""

CONTACT_CONDITION = """rule.metric = 'entered_ghost' and status = 'ghost'
    and case when old_status <> status then old_status else old_previous_status end not in ('', 'unstarted')"""

HOLDING_DEALS = HOLDING.format(condition=DEAL_CONDITION)
HOLDING_CONTACTS = HOLDING.format(condition=CONTACT_CONDITION)

CLEAR = """
    update health_alert alert
    set cleared_at = %(now)s, closed_at = coalesce(closed_at, %(now)s),
        state = case when state = 'dismissed' then state else 'resolved' end
    from health_scored
    where alert.{subject} = subject_id and alert.cleared_at is null
        and not (alert.rule_id = any (coalesce(old_held_rules, '{{}}')))
        and not exists (
            select from health_holding held where held.subject_id = alert.{subject} and held.rule_id = alert.rule_id
        )
"""

# One that a person has resolved comes back only after two further calculations.
RAISE = """
    insert into health_alert (owner_id, {subject}, rule_id, state, severity, raised_at)
    select %(owner)s, subject_id, rule.id, 'active', rule.severity, %(now)s
    from health_holding
    join health_scored using (subject_id)
    join health_alertrule rule on rule.id = rule_id
    where rule_id = any (old_held_rules)
        and not exists (
            select from health_alert closed
            where closed.{subject} = subject_id and closed.rule_id = rule.id and closed.closed_at >= old_calculated_at
        )
        and {is_audible}
    on conflict (rule_id, contact_id, deal_id) where cleared_at is null do nothing
"""

IS_NOT_SNOOZED = """not exists (
    select from health_keepintouch wish where wish.contact_id = subject_id and wish.snoozed_until > %(now)s
)"""

CLEAR_DEALS = CLEAR.format(subject="deal_id")
CLEAR_CONTACTS = CLEAR.format(subject="contact_id")
RAISE_DEALS = RAISE.format(subject="deal_id", is_audible="true")
RAISE_CONTACTS = RAISE.format(subject="contact_id", is_audible=IS_NOT_SNOOZED)

State = Alert.State


def acknowledge(alert_ids: Iterable[int], *, now: datetime) -> int:
    """Note that somebody has seen these; they stay open. Returns how many were active."""
    alerts = Alert.objects.filter(pk__in=alert_ids, state=State.ACTIVE)
    return alerts.update(state=State.ACKNOWLEDGED, acknowledged_at=now)


def resolve(alert_ids: Iterable[int], *, now: datetime) -> int:
    """Close open alerts; if a rule goes on to hold, it speaks again after two further calculations."""
    return _open(alert_ids).update(state=State.RESOLVED, closed_at=now, cleared_at=now)


def dismiss(alert_ids: Iterable[int], *, now: datetime) -> int:
    """Close open alerts and keep their rules silent until they have cleared."""
    return _open(alert_ids).update(state=State.DISMISSED, closed_at=now)


def _open(alert_ids: Iterable[int]) -> QuerySet[Alert]:
    return Alert.objects.filter(Q(state=State.ACTIVE) | Q(state=State.ACKNOWLEDGED), pk__in=alert_ids)
