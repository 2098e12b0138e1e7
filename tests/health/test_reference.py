from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from statistics import median
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import connection

from contacts.models import Contact, Deal, DealStage
from health.models import DealHealth, RelationshipHealth, Signal
from tests.health import reference, reference_deals
from tests.health.factories import NOW, add_events, refresh
from tests.health.reference import Event

CONTACTS, DEALS = 10_000, 2_000
EDGES = [0, 1, 2, 3, 5, 7, 10, 14, 15, 21, 22, 30, 31, 45, 60, 90, 91, 365, 366]
SLIPS = [timedelta(0), timedelta(microseconds=1), -timedelta(microseconds=1), timedelta(hours=1), -timedelta(hours=1)]
ANSWERS = [60, 3_600, 4 * 3_600, 24 * 3_600, 48 * 3_600, 72 * 3_600, 7 * 86_400]

Timelines = dict[UUID, list[Event]]
Links = dict[int, list[UUID]]


def draw_event(dice: random.Random, numbers: count[int], *, at: datetime) -> Event:
    kind = dice.choices(
        ["email", "call", "chat", "note", "meeting", "meeting_moved", "meeting_cancelled"], [40, 10, 10, 8, 20, 2, 2]
    )[0]
    is_message = kind in reference.CONTACT_KINDS
    rating = Decimal(dice.randint(-20, 20)) / 20 if not is_message and dice.random() < 0.4 else None
    return Event(
        kind=kind,
        at=at,
        direction=dice.choices(["inbound", "outbound", "mutual"], [45, 45, 10])[0] if is_message else "mutual",
        automated=dice.random() < 0.05,
        thread=dice.choice(["", "a", "a", "b"]) if kind != "call" and is_message else "",
        rating=rating,
        external_id=f"r{next(numbers)}",
        recorded_at=at - timedelta(days=dice.randint(0, 20)),
    )


def draw_timeline(dice: random.Random, numbers: count[int]) -> list[Event]:
    """Draw events of which many lie exactly on a limit, or a microsecond or an hour (a clock change) beside it."""
    reach = dice.choice([10, 40, 100, 500])
    events: list[Event] = []
    for _ in range(dice.choice([0, 1, 2, 3, 5, 8, 13, 25])):
        if dice.random() < 0.4:
            at = NOW - timedelta(days=dice.choice(EDGES)) + dice.choice(SLIPS)
        else:
            at = NOW - timedelta(
                seconds=dice.randint(-3 * 86_400, reach * 86_400), microseconds=dice.randint(0, 999_999)
            )
        events.append(draw_event(dice, numbers, at=at))
        last = events[-1]
        if last.direction == "outbound" and dice.random() < 0.6:
            answered_at = last.at + timedelta(seconds=dice.choice(ANSWERS) * dice.choice([1, 1, 2]))
            events.append(
                Event(
                    kind=last.kind,
                    at=answered_at,
                    direction="inbound",
                    thread=last.thread,
                    external_id=f"r{next(numbers)}",
                    recorded_at=answered_at,
                )
            )
    return unique_times(events)


def unique_times(events: list[Event]) -> list[Event]:
    """Leave out events at the very same instant: which of them is newer is nobody's business."""
    return list({event.at: event for event in events}.values())


@pytest.fixture
def timelines(owner: User) -> Timelines:
    dice, numbers = random.Random(20260329), count(1)
    contacts = Contact.objects.bulk_create(
        Contact(owner=owner, display_name=f"Person {n}", sort_name=f"{n:06}") for n in range(CONTACTS)
    )
    # The trigger that marks them for their events keeps the plan it made for a test with three contacts until then.
    with connection.cursor() as cursor:
        cursor.execute("analyze contacts_contact")
    drawn = {contact.pk: draw_timeline(dice, numbers) for contact in contacts}
    add_events(owner, ((pk, event) for pk, events in drawn.items() for event in events))
    return drawn


def draw_deals(owner: User, timelines: Timelines) -> tuple[list[Deal], Links]:
    dice = random.Random(7)
    stages = [*DealStage.objects.filter(outcome="open"), DealStage.objects.create(name="Pilot", position=15)]
    deals = Deal.objects.bulk_create(
        Deal(
            owner=owner,
            name=f"Deal {n}",
            stage=dice.choice(stages),
            stage_changed_at=NOW - timedelta(days=dice.randint(-1, 200)) + dice.choice(SLIPS),
            one_off_amount=dice.choice([0, 100, 250]),
            monthly_amount=dice.choice([0, 10]),
        )
        for n in range(DEALS)
    )
    ids = list(timelines)
    links = {deal.pk: dice.sample(ids, dice.choice([0, 1, 1, 2, 4])) for deal in deals}
    through = Deal.contacts.through
    through.objects.bulk_create(through(deal_id=deal, contact_id=pk) for deal, pks in links.items() for pk in pks)
    # Every second deal has an event that all of its contacts have: it counts once.
    shared = [
        (pk, Event(kind="meeting", at=NOW - timedelta(days=deal % 40, hours=5), external_id=f"shared{deal}"))
        for deal in list(links)[::2]
        for pk in links[deal]
    ]
    add_events(owner, shared)
    for pk, event in shared:
        timelines[pk].append(event)
    return deals, links


def test_the_timelines_reach_every_edge_on_the_night_of_a_clock_change() -> None:
    dice, numbers = random.Random(20260329), count(1)
    ages = Counter(NOW - event.at for _ in range(CONTACTS) for event in draw_timeline(dice, numbers))
    for days in (14, 30):
        for slip in SLIPS:
            assert ages[timedelta(days=days) - slip] >= 5, (days, slip)
    assert sum(number for age, number in ages.items() if age < timedelta(0)) > 1_000
    berlin = ZoneInfo("Europe/Berlin")
    assert NOW.astimezone(berlin).utcoffset() != (NOW - timedelta(hours=1)).astimezone(berlin).utcoffset()


def test_both_profiles_equal_the_reference_on_random_contacts_and_deals(owner: User, timelines: Timelines) -> None:
    deals, links = draw_deals(owner, timelines)
    run = refresh(owner, profile="classic")
    assert (run.relationships_refreshed, run.deals_refreshed) == (CONTACTS, DEALS)
    compare_classic(deals, timelines)
    refresh(owner, profile="signals")
    compare_signals(deals, links, timelines)


def compare_classic(deals: list[Deal], timelines: Timelines) -> None:
    for row in RelationshipHealth.objects.filter(contact__isnull=False):
        wanted = reference.classic_contact(timelines[row.contact_id], NOW)
        found = (row.score, row.status, row.risk_level, row.ghost_probability)
        assert found == (wanted.score, wanted.status, wanted.risk_level, wanted.ghost_probability), row.contact_id
        known = [event for event in timelines[row.contact_id] if event.at <= NOW]
        number = sum(event.is_contact for event in reference.within(known, NOW, 30))
        assert row.facts["communication_frequency_score"] == min(100, 25 * number)
        assert row.facts["has_ghost_risk"] == ((wanted.score or 0) < 30)
    found_deals = {row.deal_id: row for row in DealHealth.objects.all()}
    for deal in deals:
        wanted = reference_deals.classic_deal(deal.stage.name, deal.stage_changed_at or NOW, NOW)
        row = found_deals[deal.pk]
        assert (row.score, row.status, row.risk_level) == (wanted.score, wanted.status, wanted.risk_level), deal.pk


def compare_signals(deals: list[Deal], links: Links, timelines: Timelines) -> None:
    bad: dict[UUID, list[Fraction]] = {}
    found_deals = {row.deal_id: row for row in DealHealth.objects.all()}
    for deal in deals:
        wanted = reference_deals.signals_deal(
            deal.stage.name, deal.stage_changed_at or NOW, [timelines[pk] for pk in links[deal.pk]], NOW
        )
        row = found_deals[deal.pk]
        assert {name: factor["value"] for name, factor in row.factors.items()} == wanted.factors, deal.pk
        assert (row.score, row.status, row.risk_level) == (wanted.score, wanted.status, wanted.risk_level), deal.pk
        assert len(row.risk_factors) == len(wanted.risks), deal.pk
        value = Fraction(deal.one_off_amount + 12 * deal.monthly_amount)
        for pk in links[deal.pk]:
            total = bad.setdefault(pk, [Fraction(0), Fraction(0)])
            total[0] += value
            total[1] += value if row.status in ("critical", "stalled") else 0
    owner_gap = Fraction(median(gap for events in timelines.values() for gap in reference.gaps_of(events, NOW)))
    signals_by_contact: dict[UUID, dict[str, str]] = {}
    for pk, kind, severity in Signal.objects.values_list("contact_id", "type", "severity"):
        signals_by_contact.setdefault(pk, {})[kind] = severity
    statuses = set()
    for row in RelationshipHealth.objects.filter(contact__isnull=False):
        value_at_risk = bad.get(row.contact_id)
        result = reference.signals_contact(
            timelines[row.contact_id],
            NOW,
            owner_gap=owner_gap,
            deal_values=(value_at_risk[0], value_at_risk[1]) if value_at_risk else None,
        )
        assert {name: factor["value"] for name, factor in row.factors.items()} == result.factors, row.contact_id
        assert set(row.risk_factors) == result.risks, row.contact_id
        assert signals_by_contact.get(row.contact_id, {}) == result.signals, row.contact_id
        found = (row.score, row.status, row.risk_level, row.ghost_probability)
        assert found == (result.score, result.status, result.risk_level, result.ghost_probability), row.contact_id
        statuses.add(row.status)
    assert statuses == {"unstarted", "healthy", "at_risk", "critical", "ghost"}
