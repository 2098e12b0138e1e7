from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from django.contrib.auth.models import User
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.models import CommunicationEvent, Contact
from health import profiles
from health.models import HealthProfile, RelationshipHealth, Signal
from health.scoring import facts
from health.scoring.signals import FACTORS
from tests.factories import make_contact
from tests.health.factories import NOW, add_event, add_events, health_of, refresh
from tests.health.reference import RELATIONSHIP_WEIGHTS, Event, signals_contact

# Each example is a dozen contacts that are scored together, as the engine is set-based.
QUICK = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)

ages = st.integers(0, 400 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
messages = st.builds(
    lambda age, direction, kind, thread: Event(
        kind=kind, at=NOW - age, direction=direction, thread=thread if kind == "email" else ""
    ),
    ages,
    st.sampled_from(["inbound", "outbound"]),
    st.sampled_from(["email", "call"]),
    st.sampled_from(["", "a", "b"]),
)
meetings = st.builds(
    lambda age, rating: Event(kind="meeting", at=NOW - age, rating=rating),
    ages,
    st.none() | st.decimals(-1, 1, places=2),
)
timelines = st.lists(
    st.lists(messages | meetings, max_size=12, unique_by=lambda event: event.at), min_size=4, max_size=12
)


def score(owner: User, drawn: list[list[Event]]) -> list[RelationshipHealth]:
    """Score new contacts with these timelines; the rows come in their order."""
    Contact.objects.filter(owner=owner).delete()
    contacts = [make_contact(owner) for _ in drawn]
    add_events(
        owner, [(contact.pk, event) for contact, events in zip(contacts, drawn, strict=True) for event in events]
    )
    refresh(owner, max_age_hours=0)
    return [RelationshipHealth.objects.get(contact=contact) for contact in contacts]


@QUICK
@given(timelines)
def test_scores_and_factors_keep_their_bounds_and_coverage_counts_the_factors(
    owner: User, drawn: list[list[Event]]
) -> None:
    for row in score(owner, drawn):
        values = [factor["value"] for factor in row.factors.values()]
        assert all(0 <= value <= 100 for value in values)
        assert row.known_factors == len(values)
        assert 0 <= row.ghost_probability <= 100
        if row.score is not None:
            assert min(values) <= row.score <= max(values)
            shown = sum(factor["points"] for factor in row.factors.values())
            assert abs(shown - row.score) <= 0.5 + 0.05 * len(values)


@QUICK
@given(timelines)
def test_without_any_touch_there_is_no_score_and_no_risk(owner: User, drawn: list[list[Event]]) -> None:
    quiet = [[Event(kind="email", at=event.at, automated=True) for event in events] for events in drawn]
    for row in score(owner, quiet):
        assert (row.score, row.status, row.risk_level, row.factors) == (None, "unstarted", "", {})
        assert (row.risk_factors, row.known_factors) == ([], 0)


@QUICK
@given(timelines, st.integers(0, 30 * 24 * 60 - 1))
def test_one_more_message_from_them_never_lowers_the_frequency(
    owner: User, drawn: list[list[Event]], minutes: int
) -> None:
    extra = Event(kind="call", at=NOW - timedelta(minutes=minutes, seconds=30), direction="mutual")
    rows = score(owner, [*drawn, *([*events, extra] for events in drawn)])
    for before, after in zip(rows[: len(drawn)], rows[len(drawn) :], strict=True):
        if before.score is not None:
            name = "communication_frequency"
            assert after.factors[name]["value"] >= before.factors[name]["value"]
            assert (after.days_since_contact or 0) <= (before.days_since_contact or 10_000)


@QUICK
@given(timelines, st.integers(0, 30 * 24 * 60 - 1))
def test_one_more_meeting_never_lowers_engagement(owner: User, drawn: list[list[Event]], minutes: int) -> None:
    extra = Event(kind="meeting", at=NOW - timedelta(minutes=minutes, seconds=30))
    rows = score(owner, [*drawn, *([*events, extra] for events in drawn)])
    for before, after in zip(rows[: len(drawn)], rows[len(drawn) :], strict=True):
        for name in ("engagement", "meeting_pattern"):
            if name in before.factors:
                assert after.factors[name]["value"] >= before.factors[name]["value"]


@QUICK
@given(timelines, st.lists(st.integers(0, 100), min_size=5, max_size=5))
def test_weights_scale_to_the_factors_that_exist(owner: User, drawn: list[list[Event]], numbers: list[int]) -> None:
    weights = dict(zip(FACTORS, numbers, strict=True))
    profile = HealthProfile.objects.get(name="signals")
    profiles.revise(profile, weights={"relationship": weights, "deal": profile.weights["deal"]})
    rows = score(owner, drawn)
    for row, events in zip(rows, drawn, strict=True):
        assert row.score == signals_contact(events, NOW, weights=weights).score
        counting = [name for name in row.factors if weights[name]]
        if len(counting) == 1:
            assert row.score == row.factors[counting[0]]["value"]
    profiles.revise(profile, weights={"relationship": RELATIONSHIP_WEIGHTS, "deal": profile.weights["deal"]})


def test_a_factor_that_lost_its_facts_is_kept_for_30_days_and_shown_as_old(owner: User) -> None:
    contact = make_contact(owner)
    add_event(contact, at=NOW)
    add_event(contact, "meeting", at=NOW - timedelta(days=80), rating=-1)
    refresh(owner)
    assert health_of(contact).factors["sentiment"]["value"] == 0
    for days, is_kept in ((9, True), (10, True), (40, True), (41, False)):
        refresh(owner, now=NOW + timedelta(days=days, hours=1), max_age_hours=0)
        sentiment = health_of(contact).factors.get("sentiment")
        assert (sentiment is not None) == is_kept, days
        if sentiment:
            assert sentiment["value"] == 0
            assert ("lost_at" in sentiment) == (days > 9)


def test_an_answer_counts_from_a_question_of_any_age_in_its_thread_and_of_a_week_without_one(owner: User) -> None:
    threaded, loose, late = (make_contact(owner, name) for name in ("Threaded", "Loose", "Late"))
    for contact, thread, days in ((threaded, "offer", 200), (loose, "", 95), (late, "", 98)):
        add_event(contact, at=NOW - timedelta(days=days), direction="outbound", thread=thread)
        add_event(contact, at=NOW - timedelta(days=89), direction="inbound", thread=thread)
    add_event(threaded, at=NOW - timedelta(days=1), direction="inbound", thread="offer")
    add_event(threaded, at=NOW - timedelta(days=150), direction="outbound", thread="another")
    add_event(threaded, at=NOW - timedelta(days=20), direction="inbound", thread="another")
    refresh(owner)
    assert Fraction(str(health_of(threaded).facts["answer_hours"])) == 130 * 24
    with connection.cursor() as cursor:
        answered = f"{facts.answers(contacts='select id from contacts_contact')} select answer_seconds from answer"
        cursor.execute(f"{answered} where answer_seconds is not null order by 1", {"now": NOW})
        assert [row[0] for row in cursor.fetchall()] == [6 * 86_400, 111 * 86_400, 130 * 86_400]


def test_signals_apply_to_a_contact_that_is_not_started(owner: User) -> None:
    contact = make_contact(owner)
    add_event(contact, "meeting_cancelled", at=NOW - timedelta(days=3))
    refresh(owner)
    row = RelationshipHealth.objects.get(contact=contact)
    assert (row.status, row.score, row.ghost_probability) == ("unstarted", None, 25)
    assert Signal.objects.get(contact=contact).severity == "critical"


def test_a_wished_gap_replaces_the_rhythm_and_few_gaps_lean_on_the_owners(owner: User) -> None:
    busy, quiet = make_contact(owner, "Busy"), make_contact(owner, "Quiet")
    for days in range(0, 40, 4):
        add_event(busy, at=NOW - timedelta(days=days))
    for days in (5, 25):
        add_event(quiet, at=NOW - timedelta(days=days))
    refresh(owner)
    # Nine gaps of 4 days and one of 20: the owner's median is 4; (1 * 20 + 3 * 4) / 4.
    assert Fraction(str(health_of(quiet).facts["rhythm_days"])) == 8
    assert Fraction(str(health_of(busy).facts["rhythm_days"])) == 4
    assert CommunicationEvent.objects.count() == 12
