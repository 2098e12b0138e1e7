"""What is said to raise a score raises it by so much, and lines are drawn where the scores were."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from health import advice, charts, wording
from health.models import RelationshipHealth
from health.scoring import deals, signals
from tests.factories import make_contact
from tests.health.factories import NOW, add_event, ago, health_of, refresh

TODAY = NOW.date()
DAY = timedelta(days=1)


@pytest.mark.parametrize("profile", ["signals", "classic"])
@pytest.mark.parametrize("silences", [[2, 20], [40, 50], [20, 40, 45, 50, 55, 60, 65, 70]])
def test_following_the_advice_brings_the_points_that_it_promises(
    owner: User, silences: list[int], profile: str
) -> None:
    contact = make_contact(owner)
    for days in silences:
        add_event(contact, "call", at=ago(days))
        add_event(contact, "meeting", at=ago(days, hours=1))
    refresh(owner, profile=profile)
    before = health_of(contact)
    step = next(step for step in advice.steps_for(before) if "message" in step.text)
    number = int(step.text.split()[0]) if step.text[0].isdigit() else 1
    for n in range(number):
        add_event(contact, "call", at=NOW - timedelta(minutes=n))
    refresh(owner, profile=profile)
    after = health_of(contact)
    assert after.score is not None
    assert before.score is not None
    assert abs((after.score - before.score) - step.gain) <= 1


def test_a_perfect_score_needs_no_advice() -> None:
    factors = {name: {"value": 100, "points": 20, "weight": 20} for name in signals.FACTORS}
    health = RelationshipHealth(profile="signals", score=100, factors=factors, facts={"contact_events": 9})
    assert advice.steps_for(health) == []
    assert not advice.unrated(health)


def test_every_factor_and_risk_has_a_name_for_people() -> None:
    assert {*signals.FACTORS, *deals.FACTORS} <= set(wording.FACTORS)
    assert {*signals.RISKS, *deals.RISKS} == set(wording.RISKS)


def test_a_line_holds_each_score_until_the_next_and_ends_today() -> None:
    history: list[charts.Point] = [(TODAY - 200 * DAY, 80), (TODAY - 45 * DAY, 20)]
    line = charts.draw(history, today=TODAY, days=90, width=94, height=104)
    assert line
    assert line.lines == ["2.0,22.0 47.0,22.0 47.0,82.0 92.0,82.0 92.0,82.0"]
    assert line.last == (92.0, 82.0)
    assert line.label == f"80 on {TODAY - 90 * DAY:%d %B %Y}, 20 now"


def test_a_line_is_broken_where_there_was_no_score() -> None:
    history: list[charts.Point] = [(TODAY - 60 * DAY, 50), (TODAY - 50 * DAY, None), (TODAY - 10 * DAY, 70)]
    line = charts.draw(history, today=TODAY, days=90, width=94, height=104)
    assert line
    assert len(line.lines) == 2
    assert charts.draw([(TODAY, None)], today=TODAY, days=90, width=94, height=104) is None
    assert charts.draw([], today=TODAY, days=90, width=94, height=104) is None
