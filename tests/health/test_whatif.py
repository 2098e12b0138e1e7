from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from contacts.deals import open_deal
from contacts.models import DealStage
from health import profiles
from health.models import DealHealth, HealthProfile, RelationshipHealth
from health.whatif import Proposal, try_out
from tests.factories import make_contact
from tests.health.factories import NOW, add_event, refresh

WEIGHTS: dict[str, dict[str, float]] = {
    "relationship": {
        "communication_frequency": 60,
        "response_behaviour": 0,
        "engagement": 12.5,
        "sentiment": 15,
        "meeting_pattern": 3,
    },
    "deal": {"stage_velocity": 80, "sentiment": 5, "engagement": 5, "activity": 5, "response_time": 5},
}
BANDS = {
    "relationship": {"healthy": 60, "at_risk": 45, "critical": 20},
    "deal": {"healthy": 80, "warning": 55, "critical": 40},
}


@pytest.fixture
def hub(owner: User) -> User:
    """Sixty contacts with random timelines, and thirty deals in all stages."""
    dice = random.Random(4)
    contacts = [make_contact(owner, f"Person {n}") for n in range(60)]
    for contact in contacts[4:]:
        for _ in range(dice.randint(1, 12)):
            kind = dice.choice(["email", "email", "call", "meeting"])
            add_event(contact, kind, NOW - timedelta(hours=dice.randint(1, 2_000)), direction="outbound")
    stages = list(DealStage.objects.filter(outcome="open"))
    for number in range(30):
        opened_at = NOW - timedelta(days=dice.randint(0, 60))
        about = tuple(dice.sample(contacts, dice.randint(0, 3)))
        open_deal(owner_id=owner.pk, name=f"Deal {number}", stage=dice.choice(stages), now=opened_at, contacts=about)
    return owner


@pytest.mark.parametrize("name", ["signals", "classic"])
def test_what_is_foretold_is_what_comes(hub: User, name: str) -> None:
    refresh(hub, profile=name)
    profile = HealthProfile.objects.get(name=name)
    sql = DealStage.objects.get(name="SQL").pk
    verbal = DealStage.objects.get(name="Verbal").pk
    opportunity = DealStage.objects.get(name="Opportunity").pk
    limits = {sql: (2, 4, 8), opportunity: (10, 11, 12), verbal: None, None: (20, 30, 40)}
    proposal = Proposal(WEIGHTS if name == "signals" else {}, BANDS, limits)
    foretold = {outcome.kind: outcome for outcome in try_out(profile, proposal, user=hub)}

    before = states()
    profiles.revise(profile, weights=proposal.weights, thresholds=BANDS, limits=dict(limits))
    refresh(hub, profile=name)
    after = states()
    for kind in ("relationship", "deal"):
        bands = {status: (now, then) for status, _, now, then in foretold[kind].bands}
        assert {status: now for status, (now, _) in bands.items() if now} == Counter(
            status for status, _ in before[kind].values()
        )
        assert {status: then for status, (_, then) in bands.items() if then} == Counter(
            status for status, _ in after[kind].values()
        )
        moved = {key for key in after[kind] if after[kind][key][0] != before[kind][key][0]}
        assert foretold[kind].moved == len(moved)
        ways = Counter((before[kind][key][0], after[kind][key][0]) for key in moved)
        assert {(old, new): count for old, _, new, _, count in foretold[kind].moves} == ways
        examples = foretold[kind].examples
        assert len(examples) == min(10, len(moved))
        for example in examples:
            assert (example.status, example.score) == after[kind][example.id]
            assert (example.old_status, example.old_score) == before[kind][example.id]
    assert foretold["deal"].moved
    assert foretold["relationship"].moved


def states() -> dict[str, dict[object, tuple[str, int | None]]]:
    people = RelationshipHealth.objects.filter(contact__isnull=False).values_list("contact_id", "status", "score")
    deals = DealHealth.objects.values_list("deal_id", "status", "score")
    return {
        "relationship": {key: (status, score) for key, status, score in people},
        "deal": {key: (status, score) for key, status, score in deals},
    }


def test_trying_writes_nothing_and_shows_nothing_of_others(hub: User, other_owner: User) -> None:
    refresh(hub)
    before = (states(), list(HealthProfile.objects.values()))
    profile = HealthProfile.objects.get(name="signals")
    for user, number in ((hub, 60), (other_owner, 0)):
        relationships, deals = try_out(profile, Proposal(WEIGHTS, BANDS, {}), user=user)
        assert (relationships.total, deals.total) == (number, number // 2)
    assert (states(), list(HealthProfile.objects.values())) == before
