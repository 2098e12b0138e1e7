"""What would raise a score: for each factor the nearest step up and what it is worth, from the stored facts alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

from health.models import DealHealth, RelationshipHealth

# Without a baseline: so many in 30 days give so much.
CONTACT_STEPS = ((1, 25), (2, 50), (4, 75), (8, 100))
MEETING_STEPS = ((1, 50), (2, 75), (4, 100))
MOST = 4


@dataclass(frozen=True)
class Step:
    """One thing to do, and the points that it adds to the score, at most."""

    text: str
    gain: int


def steps_for(health: RelationshipHealth | DealHealth) -> list[Step]:
    """Return at most four steps, the most valuable first; those worth less than a point are left out."""
    if isinstance(health, DealHealth):
        found = _deal_steps(health)
    else:
        found = _classic_steps(health) if health.profile == "classic" else _contact_steps(health)
    worth = [step for step in found if step.gain > 0]
    return sorted(worth, key=lambda step: -step.gain)[:MOST]


def unrated(health: RelationshipHealth | DealHealth) -> bool:
    """Say whether a rating of a meeting or call would add the factor of mood."""
    has_factors = bool(health.factors) and health.profile == "signals"  # an organization's score has none
    return has_factors and health.score is not None and "sentiment" not in health.factors


def _contact_steps(health: RelationshipHealth) -> Iterator[Step]:
    facts = health.facts
    gain = _Gain(health.factors)
    missing, value = _missing(facts.get("contact_events", 0), facts.get("usual_contact_events"), CONTACT_STEPS)
    if missing:
        yield Step(f"{missing} more {_plural(missing, 'message or call', 'messages or calls')} within 30 days",
                   gain("communication_frequency", value))  # fmt: skip
    missing, value = _missing(facts.get("meetings", 0), facts.get("usual_meetings"), MEETING_STEPS)
    meeting = gain("engagement", _after_meeting(facts)) + (gain("meeting_pattern", value) if missing == 1 else 0)
    yield Step("A meeting", meeting)
    if facts.get("unanswered"):
        yield Step(f"An answer to our {facts['unanswered']} open messages, at most", gain("response_behaviour", 100))


def _classic_steps(health: RelationshipHealth) -> Iterator[Step]:
    score = health.score or 0
    counted = 10 * int(health.facts.get("contact_events", 0)) + 20 * int(health.facts.get("meetings", 0))
    silence = int(health.factors.get("silence", {}).get("points", 0))
    yield Step("A message or call", min(100, counted + 10) - score)
    yield Step("A meeting", max(0, min(100, counted + 20) + silence) - score)


def _deal_steps(health: DealHealth) -> Iterator[Step]:
    gain = _Gain(health.factors)
    yield Step("The next stage, while its time is fresh", gain("stage_velocity", 100))
    if health.profile == "classic":
        return
    after = 50 + _reached(health.facts.get("meetings", 0) + 1, ((1, 15), (2, 30), (4, 40))) + 30
    after += _reached(health.facts.get("contact_events", 0), ((2, 10), (4, 20), (8, 30)))
    yield Step("A meeting", gain("engagement", min(100, after)))
    activity = 50 + _reached(health.facts.get("contact_events", 0) + 1, ((1, 10), (2, 20), (5, 35), (10, 50))) + 20
    yield Step("A message or call", gain("activity", min(100, activity)))


class _Gain:
    """How many points of the score a factor's new value adds."""

    def __init__(self, factors: dict[str, Any]) -> None:
        self._factors = factors
        self._weights = sum(float(factor.get("weight", 0)) for factor in factors.values()) or 1

    def __call__(self, name: str, value: int) -> int:
        factor = self._factors.get(name)
        if factor is None:
            return 0
        weight = float(factor.get("weight", self._weights))
        return round((value - int(factor["value"])) * weight / self._weights)


def _missing(count: int, usual: int | None, fixed: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """Return how many more lead to the next value of the factor, and that value; 0 and 100 at the top."""
    levels = [(ceil(quarter * usual / 4), 25 * quarter) for quarter in (1, 2, 3, 4)] if usual else fixed
    # Of several values for one count, the best.
    reachable = {level: value for level, value in sorted(levels) if level > count}
    level = min(reachable, default=count)
    return level - count, reachable.get(level, 100)


def _after_meeting(facts: dict[str, Any]) -> int:
    return min(100, 50 + _reached(facts.get("meetings", 0) + 1, ((1, 10), (2, 25), (4, 40))) + 30)


def _reached(count: int, steps: tuple[tuple[int, int], ...]) -> int:
    return max((points for level, points in steps if count >= level), default=0)


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
