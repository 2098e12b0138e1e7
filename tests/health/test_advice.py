"""What is said to raise a score raises it by so much, and lines are drawn where the scores were."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User

from contacts.deals import open_deal
from health import advice, charts, wording
from health.models import RelationshipHealth
from health.scoring import deals, signals
from tests.factories import make_contact
from tests.health.factories import NOW, add_event, ago, health_of, refresh, stage

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
    first = TODAY - 90 * DAY
    assert line.label == f"80 on {first.day} {first:%B %Y}, 20 now"


def test_labels_stand_at_even_distances_and_name_the_year_of_a_long_span() -> None:
    for days, ticks in (
        (28, ["3 Mar", "10 Mar", "17 Mar", "24 Mar", "31 Mar"]),
        (400, ["Feb 2025", "Jun 2025", "Sep 2025", "Dec 2025", "Mar 2026"]),
    ):
        line = charts.draw([(date(2024, 1, 1), 50)], today=date(2026, 3, 31), days=days, width=94, height=104)
        assert line
        assert line.ticks == ticks


@pytest.mark.parametrize("profile", ["signals", "classic"])
def test_sentences_count_as_people_do(owner: User, profile: str) -> None:
    one, two = make_contact(owner, "Ada"), make_contact(owner, "Bo")
    add_event(one, "call", at=ago(1, hours=1))
    for hours in (1, 2):
        add_event(two, "call", at=ago(hours=hours))
    deal = open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=ago(1, hours=1), contacts=(one,))
    refresh(owner, profile=profile)
    assert "1 message or call" in health_of(one).sentence
    assert "last contact 1 day ago" in health_of(one).sentence
    assert "2 messages or calls" in health_of(two).sentence
    assert "last contact less than a day ago" in health_of(two).sentence
    assert "1 day in this stage; 1 message or call and 0 meetings in 30 days; last" in health_of(deal).sentence


def test_facts_are_shown_as_people_write_them() -> None:
    facts: dict[str, object] = {
        "deal_value": 10800.0,
        "rhythm_days": 3.0,
        "answer_hours": 16.76,
        "meetings": 0,
        "moves": 0,
    }
    shown = dict(wording.facts_of(facts))
    assert shown["Value of open deals"] == "10,800.00"
    assert shown["Own rhythm, in days"] == "3"
    assert shown["Hours until an answer"] == "16.8"
    assert shown["Meetings in 30 days"] == "0"
    assert "Meetings moved in 30 days" not in shown


def test_a_line_is_broken_where_there_was_no_score() -> None:
    history: list[charts.Point] = [(TODAY - 60 * DAY, 50), (TODAY - 50 * DAY, None), (TODAY - 10 * DAY, 70)]
    line = charts.draw(history, today=TODAY, days=90, width=94, height=104)
    assert line
    assert len(line.lines) == 2
    assert charts.draw([(TODAY, None)], today=TODAY, days=90, width=94, height=104) is None
    assert charts.draw([], today=TODAY, days=90, width=94, height=104) is None
