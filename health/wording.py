"""What people read instead of the names that scores are stored under."""

from __future__ import annotations

from collections.abc import Iterable

FACTORS = {
    "communication_frequency": "Messages and calls",
    "response_behaviour": "Answers",
    "engagement": "Meetings",
    "sentiment": "Mood",
    "meeting_pattern": "Meeting rhythm",
    "stage_velocity": "Pace through the stage",
    "activity": "Activity",
    "response_time": "Time to answer",
    "contact_events": "Messages and calls",
    "meetings": "Meetings",
    "silence": "Silence",
}

RISKS = {
    "no_contact": "No contact for more than 21 days",
    "few_events": "Fewer than two messages or calls in 30 days",
    "few_answers": "Less than 30 % of our messages answered",
    "waiting_for_answer": "A message of ours has waited more than 14 days",
    "answers_far_slower": "Answers take three times as long as usual",
    "no_meeting": "No meeting in 30 days",
    "sentiment_declining": "Mood is declining",
    "sentiment_low": "Mood is low",
    "value_at_risk": "Most of the value of the open deals is at risk",
    "long_in_stage": "14 days or more in this stage",
    "critically_long_in_stage": "30 days or more in this stage",
    "last_meeting_long_ago": "Last meeting more than 21 days ago",
    "no_activity": "No activity for more than 14 days",
    "slow_answers": "Answers take more than 48 hours",
}

FACTS = {
    "contact_events": "Messages and calls in 30 days",
    "usual_contact_events": "Usual in 30 days",
    "days_since_contact": "Days since contact",
    "days_since_activity": "Days since the last activity",
    "rhythm_days": "Own rhythm, in days",
    "meetings": "Meetings in 30 days",
    "usual_meetings": "Usual meetings in 30 days",
    "days_since_meeting": "Days since the last meeting",
    "answered": "Our messages that were answered",
    "unanswered": "Our messages without answer after 48 hours",
    "answer_hours": "Hours until an answer",
    "usual_answer_hours": "Usual hours until an answer",
    "waiting_days": "Days that our oldest message has waited",
    "moves": "Meetings moved in 30 days",
    "cancellations": "Meetings cancelled in 30 days",
    "excluded": "Automated mail, not counted",
    "deal_value": "Value of open deals",
    "deal_value_at_risk": "Of which at risk",
    "days_in_stage": "Days in this stage",
    "usual_days": "Days that won deals took",
    "days_to_close": "Days to the expected close",
    "contacts": "Contacts",
    "scored": "Of which with a score",
    "touches": "Messages, calls and meetings in 30 days",
}

RARE = ("moves", "cancellations", "excluded", "waiting_days")
AMOUNTS = ("deal_value", "deal_value_at_risk")

# What asked for a run.
TRIGGERS = {
    "schedule": "Every morning",
    "cron": "A scheduler outside",
    "facts": "New facts",
    "person": "A person",
    "command": "The command line",
    "demo": "The demo",
}


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of factors in the order in which they are explained; unknown ones last."""
    known = list(FACTORS)
    return sorted(names, key=lambda name: (known.index(name) if name in known else len(known), name))


def facts_of(facts: dict[str, object]) -> list[tuple[str, str]]:
    """Return label and value of the facts that people understand, in a fixed order; zeros of rare ones are left out."""
    return [
        (label, _shown(name, facts[name]))
        for name, label in FACTS.items()
        if name in facts and (facts[name] or name not in RARE)
    ]


def _shown(name: str, value: object) -> str:
    if name in AMOUNTS and isinstance(value, (int, float)):
        return f"{value:,.2f}"
    return f"{value:,.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
