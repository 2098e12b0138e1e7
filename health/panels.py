"""What the page of a contact, an organization or a deal shows of its score."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from contacts.models import Contact, Deal
from contacts.registries import Panel, register_deal_panel, register_panel
from health import advice, charts, messages, wording
from health.models import BandChange, DealHealth, HealthRun, KeepInTouch, RelationshipHealth, Reminder, Signal

CHANGES_SHOWN = 8
SIGNALS_SHOWN = 8

Health = RelationshipHealth | DealHealth


@dataclass(frozen=True)
class FactorRow:
    """One factor as a bar: its value of 100, the points that it gives to the score, and its weight among the others."""

    label: str
    value: Any
    points: Any
    weight: Any
    known_at: date | None


def register() -> None:
    """Enter the panels; called from HealthConfig.ready."""
    register_panel(Panel("Health", "health/admin/contact_panel.html", contact_panel, position=10))
    register_deal_panel(Panel("Health", "health/admin/deal_panel.html", deal_panel, position=10))


def contact_panel(contact: Contact, request: HttpRequest) -> dict[str, Any] | None:
    """Return the score of a contact with all that explains it, and what the owner wishes for them."""
    if not request.user.has_perm("health.view_relationshiphealth"):
        return None
    health = RelationshipHealth.objects.filter(contact=contact).first()
    if health:
        health.contact = contact
    may_act = request.user.has_perm("contacts.change_contact")
    return {
        "score": explained(health) if health else None,
        "contact": contact,
        "signals": Signal.objects.filter(contact=contact).order_by("resolved_at", "-detected_at")[:SIGNALS_SHOWN],
        "suggestion": messages.suggestion(health, messages.texts_of(contact.owner_id)) if health else "",
        "wish": KeepInTouch.objects.filter(contact=contact).first(),
        "reminders": Reminder.objects.filter(contact=contact, state=Reminder.State.OPEN),
        "now": timezone.now(),
        "is_behind": health is not None and health.facts_seen_at != contact.facts_at,
        "run": _run_ahead(contact),
        "may_act": may_act and not contact.archived_at,
    }


def _run_ahead(contact: Contact) -> HealthRun | None:
    """Return a run that waits or works and will look at this contact."""
    runs = HealthRun.objects.filter(Q(owner_id=contact.owner_id) | Q(owner=None), finished_at=None)
    return runs.filter(Q(only=[]) | Q(only__contains=[contact.pk])).exclude(state=HealthRun.State.FAILED).first()


def deal_panel(deal: Deal, request: HttpRequest) -> dict[str, Any] | None:
    """Return the score of an open deal; None for a closed one, which has none."""
    health = DealHealth.objects.filter(deal=deal).first()
    if health is None or not request.user.has_perm("health.view_dealhealth"):
        return None
    return {"score": explained(health)}


def explained(health: Health) -> dict[str, Any]:
    """Return what the fragment health/admin/score.html shows: factors, facts, risks, advice and history."""
    today = timezone.localdate()
    subject, key = subject_of(health)
    since = today - timedelta(days=charts.HISTORY_DAYS)
    history = charts.histories(subject, [key], since=since).get(key, [])
    first = max(since, history[0][0] if history else today - timedelta(days=30))
    days = max(30, (today - first).days)
    return {
        "health": health,
        "factors": [_factor(name, health.factors[name]) for name in wording.in_order(health.factors)],
        "facts": wording.facts_of(health.facts),
        "risks": [wording.RISKS.get(name, name) for name in health.risk_factors],
        "steps": advice.steps_for(health),
        "is_unrated": advice.unrated(health),
        "chart": charts.draw(history, today=today, days=days, width=1000, height=100, margin=0),
        "changes": _changes(health, subject, key),
    }


def subject_of(health: Health) -> tuple[str, Any]:
    """Return whether this is the score of a contact, an organization or a deal, and its id."""
    if isinstance(health, DealHealth):
        return "deal", health.deal_id
    return ("contact", health.contact_id) if health.contact_id else ("organization", health.organization_id)


def _factor(name: str, factor: dict[str, Any]) -> FactorRow:
    known_at = parse_datetime(factor["known_at"]) if factor.get("known_at") else None
    return FactorRow(
        label=wording.FACTORS.get(name, name),
        value=factor.get("value"),
        points=factor.get("points"),
        weight=factor.get("weight"),
        known_at=known_at.date() if known_at else None,
    )


def _changes(health: Health, subject: str, key: Any) -> list[dict[str, Any]]:
    labels = dict(type(health).Status.choices)
    rows = BandChange.objects.filter(**{subject: key})[:CHANGES_SHOWN]
    return [
        {
            "at": row.changed_at,
            "status": row.to_status,
            "label": labels.get(row.to_status, row.to_status),
            "before": labels.get(row.from_status, row.from_status),
            "score": row.to_score,
        }
        for row in rows
    ]
