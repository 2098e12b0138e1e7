"""Compute and store the due scores of one owner, a range at a time; every function runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from health import alerting, profiles
from health.models import HealthProfile
from health.scoring import deals, due, facts, organizations, relationships, writing

Parameters = Mapping[str, Any]

# Sorting the events of 20,000 contacts takes more than PostgreSQL's usual 4 MB; the setting ends with the transaction.
WORK_MEMORY = "set local work_mem = '64MB'"

# These statements are long and run on few rows at a time: compiling them takes longer than it saves.
NO_JIT = "set local jit = off"

# Rows come in the order of their contact; sorting all of them once more for the few that the ordered aggregates take
# costs more than it saves. The setting exists from PostgreSQL 16 on.
NO_PRESORT = """
    select set_config('enable_presorted_aggregate', 'off', true)
    where current_setting('server_version_num')::integer >= 160000
"""

TEMPORARY = ("health_links", "health_due", "health_facts", "health_scored", "health_holding")

STALE_DEALS = """
    delete from health_dealhealth health using contacts_deal deal, contacts_dealstage stage
    where deal.id = health.deal_id and stage.id = deal.stage_id and health.owner_id = %(owner)s
        and (deal.status <> 'active' or stage.outcome <> 'open')
    returning health.deal_id
"""

STALE_CONTACTS = """
    delete from health_relationshiphealth health using contacts_contact contact
    where contact.id = health.contact_id and health.owner_id = %(owner)s and contact.archived_at is not null
    returning health.contact_id
"""

CLEAR_ALERTS = """
    update health_alert set cleared_at = %(now)s, closed_at = coalesce(closed_at, %(now)s),
        state = case when state = 'dismissed' then state else 'resolved' end
    where {subject} = any (%(gone)s) and cleared_at is null
"""

CLOSE_SIGNALS = """
    update health_signal set resolved_at = %(now)s where contact_id = any (%(gone)s) and resolved_at is null
"""

EMPTY_ORGANIZATIONS = """
    delete from health_relationshiphealth health
    where health.owner_id = %(owner)s and health.organization_id is not null and not exists (
        select from contacts_contact contact
        where contact.organization_id = health.organization_id and contact.archived_at is null
    )
"""

RELATIONSHIP_TABLE, DEAL_TABLE = "health_relationshiphealth", "health_dealhealth"


def parameters(
    profile: HealthProfile, kind: str, *, owner_id: int, now: datetime, max_age: timedelta
) -> dict[str, Any]:
    """Return what the statements for `relationship` or `deal` need to know."""
    known = {"owner": owner_id, "now": now, "oldest": now - max_age}
    return {**profiles.parameters(profile, kind), **known}


def remove_unscored(*, owner_id: int, now: datetime) -> None:
    """Drop the rows of closed deals and archived contacts; their history stays, their alerts are cleared."""
    known = {"owner": owner_id, "now": now}
    remove_closed_deals(owner_id=owner_id, now=now)
    gone_contacts = [row[0] for row in _rows(STALE_CONTACTS, known)]
    if gone_contacts:
        _execute(CLEAR_ALERTS.format(subject="contact_id"), {"now": now, "gone": gone_contacts})
        _execute(CLOSE_SIGNALS, {"now": now, "gone": gone_contacts})
    _execute(EMPTY_ORGANIZATIONS, known)


def remove_closed_deals(*, owner_id: int, now: datetime) -> None:
    """Drop the rows of deals that are closed or inactive and clear their alerts."""
    gone = [row[0] for row in _rows(STALE_DEALS, {"owner": owner_id, "now": now})]
    if gone:
        _execute(CLEAR_ALERTS.format(subject="deal_id"), {"now": now, "gone": gone})


def due_ranges(kind: str, known: Parameters) -> list[tuple[Any, Any]]:
    """Return the first and last id of each range of at most 20,000 due contacts or deals."""
    _prepare()
    if kind == "relationship":
        _link(known)
    query = due.CONTACT_RANGES if kind == "relationship" else due.DEAL_RANGES
    return [(first, last) for first, last in _rows(query, known)]


def median_gap(known: Parameters) -> Any:
    """Return the median number of days between days with contact over all of an owner's contacts; None without gaps."""
    _prepare()
    return _rows(facts.OWNER_GAP, known)[0][0]


def score_contacts(known: Parameters, *, first: Any, last: Any, owner_gap: Any) -> int:
    """Score the due contacts of a range; return how many."""
    known = {**known, "first": first, "last": last, "owner_gap": owner_gap}
    _prepare()
    _link(known)
    for statement in (due.DUE_CONTACTS, "analyze health_due", facts.FACTS):
        _execute(statement, known)
    _execute(relationships.STATEMENTS[known["profile"]], known)
    _execute(alerting.HOLDING_CONTACTS, known)
    _execute(alerting.CLEAR_CONTACTS, known)
    _execute(alerting.RAISE_CONTACTS, known)
    _write_history("contact_id", known)
    _execute(writing.RESOLVE_SIGNALS, known)
    _execute(writing.OPEN_SIGNALS, known)
    return _execute(writing.upsert(RELATIONSHIP_TABLE, relationships.COLUMNS[known["profile"]]), known)


def score_deals(known: Parameters, *, first: Any, last: Any) -> int:
    """Score the due deals of a range; return how many."""
    known = {**known, "first": first, "last": last}
    _prepare()
    for statement in (due.DUE_DEALS, "analyze health_due", deals.DEAL_FACTS):
        _execute(statement, known)
    _execute(deals.STATEMENTS[known["profile"]], known)
    _execute(alerting.HOLDING_DEALS, known)
    _execute(alerting.CLEAR_DEALS, known)
    _execute(alerting.RAISE_DEALS, known)
    _write_history("deal_id", known)
    return _execute(writing.upsert(DEAL_TABLE, writing.DEAL), known)


def score_organizations(known: Parameters) -> int:
    """Roll the scores of contacts up; return how many organizations changed."""
    _prepare()
    _execute(organizations.ORGANIZATIONS, known)
    _write_history("organization_id", known)
    return _execute(writing.upsert(RELATIONSHIP_TABLE, writing.ORGANIZATION), known)


def _write_history(subject: str, known: Parameters) -> None:
    _execute(writing.SNAPSHOTS.format(subject=subject), known)
    _execute(writing.BAND_CHANGES.format(subject=subject), known)


def _link(known: Parameters) -> None:
    _execute(due.LINKS, known)
    _execute("analyze health_links")


def _prepare() -> None:
    _execute(WORK_MEMORY)
    _execute(NO_JIT)
    _execute(NO_PRESORT)
    _execute(f"drop table if exists {', '.join(f'pg_temp.{table}' for table in TEMPORARY)}")


def _execute(statement: str, known: Parameters | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, known)
        return int(cursor.rowcount)


def _rows(statement: str, known: Parameters) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, known)
        return list(cursor.fetchall())
