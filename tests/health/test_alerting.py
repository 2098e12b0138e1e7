from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from contacts.deals import move_deal, open_deal
from contacts.models import Contact, Deal
from health import alerting, reminders
from health.models import Alert, AlertRule, Signal
from tests.factories import make_contact
from tests.health.factories import NOW, add_event, ago, refresh, stage

DAY = timedelta(days=1)


@pytest.fixture
def deal(owner: User) -> Deal:
    """A deal that is watched by one rule only, and its warning: days in the stage."""
    AlertRule.objects.exclude(metric="days_in_stage").update(enabled=False)
    return open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=ago(13))


def states(subject: Deal | Contact) -> list[tuple[str, str]]:
    return list(subject.health_alerts.order_by("pk").values_list("rule__name", "state"))


def run_days(owner: User, *days: int, step: int = 0) -> None:
    for day in days:
        refresh(owner, now=NOW + day * DAY, max_age_hours=0)


def test_a_rule_must_hold_twice_in_a_row_and_a_first_score_raises_none(owner: User, deal: Deal) -> None:
    Deal.objects.filter(pk=deal.pk).update(stage_changed_at=ago(14))
    run_days(owner, 0)
    assert states(deal) == []
    run_days(owner, 1)
    assert states(deal) == [("14 days in the stage", "active")]
    run_days(owner, 2, 3)
    assert len(states(deal)) == 1


def test_an_alert_is_resolved_when_the_rule_fails_twice_in_a_row(owner: User, deal: Deal) -> None:
    run_days(owner, 0, 1, 2)
    assert states(deal) == [("14 days in the stage", "active")]
    move_deal(deal, stage=stage("Verbal"), now=NOW + 2 * DAY)
    run_days(owner, 3)
    assert states(deal) == [("14 days in the stage", "active")]
    run_days(owner, 4)
    assert states(deal) == [("14 days in the stage", "resolved")]


def test_a_superseded_rule_gives_way(owner: User, deal: Deal) -> None:
    run_days(owner, 0, 1, 2, 17, 18, 19)
    assert states(deal) == [("14 days in the stage", "resolved"), ("30 days in the stage", "active")]


def test_dismissed_is_silent_until_it_has_cleared(owner: User, deal: Deal) -> None:
    run_days(owner, 0, 1, 2)
    assert alerting.dismiss([deal.health_alerts.get().pk], now=NOW + 2 * DAY) == 1
    run_days(owner, 3, 4, 5)
    assert states(deal) == [("14 days in the stage", "dismissed")]
    move_deal(deal, stage=stage("Verbal"), now=NOW + 5 * DAY)
    run_days(owner, 6, 7, 19, 20)
    assert states(deal) == [("14 days in the stage", "dismissed"), ("14 days in the stage", "active")]


def test_acknowledged_stays_open_and_resolved_by_hand_comes_back_after_two_calculations(
    owner: User, deal: Deal
) -> None:
    run_days(owner, 0, 1, 2)
    alert = deal.health_alerts.get()
    assert alerting.acknowledge([alert.pk], now=NOW + 2 * DAY) == 1
    run_days(owner, 3)
    assert states(deal) == [("14 days in the stage", "acknowledged")]
    assert alerting.resolve([alert.pk], now=NOW + 3 * DAY) == 1
    run_days(owner, 4)
    assert states(deal) == [("14 days in the stage", "resolved")]
    run_days(owner, 5)
    assert states(deal) == [("14 days in the stage", "resolved"), ("14 days in the stage", "active")]


def test_a_closed_deal_has_no_open_alert(owner: User, deal: Deal) -> None:
    run_days(owner, 0, 1, 2)
    move_deal(deal, stage=stage("Lost"), now=NOW + 3 * DAY)
    run_days(owner, 3)
    assert states(deal) == [("14 days in the stage", "resolved")]


def test_a_contact_that_becomes_a_ghost_raises_an_alert_unless_snoozed(owner: User) -> None:
    ada, bo, always = (make_contact(owner, name) for name in ("Ada", "Bo", "Cy"))
    for contact in (ada, bo):
        for hour in range(4):
            add_event(contact, at=ago(1, hours=hour))
    add_event(always, at=ago(100))
    reminders.snooze(bo, until=NOW + 90 * DAY)
    for day in (0, 20, 28, 29, 30):
        refresh(owner, now=NOW + day * DAY, profile="classic")
    assert states(ada) == [("A contact became a ghost", "active")]
    assert states(bo) == []
    assert states(always) == []


def test_every_deal_rule_speaks_for_a_neglected_deal(owner: User) -> None:
    contact = make_contact(owner)
    for days, rating in ((5, -1), (40, 1), (50, 1)):
        add_event(contact, "note", at=ago(days), rating=rating)
    add_event(contact, direction="outbound", at=ago(27), thread="a")
    add_event(contact, direction="inbound", at=ago(20), thread="a")
    deal = open_deal(
        owner_id=owner.pk,
        name="Renewal",
        stage=stage(),
        now=ago(31),
        contacts=(contact,),
        expected_close=ago(1).date(),
    )
    refresh(owner)
    refresh(owner, now=NOW + DAY)
    assert {name for name, _ in states(deal)} == {
        "30 days in the stage",
        "Sentiment is falling",
        "No activity for 14 days",
        "No meeting in 30 days",
        "Answers take more than 48 hours",
        "The close date is near or past",
    }


def test_the_close_date_is_no_matter_in_the_last_open_stage(owner: User) -> None:
    AlertRule.objects.exclude(metric="days_to_close").update(enabled=False)
    near = (NOW + 7 * DAY).date()
    last = open_deal(owner_id=owner.pk, name="A", stage=stage("Verbal"), now=NOW, expected_close=near)
    first = open_deal(owner_id=owner.pk, name="B", stage=stage("SQL"), now=NOW, expected_close=near)
    far = open_deal(owner_id=owner.pk, name="C", stage=stage("SQL"), now=NOW, expected_close=near + 3 * DAY)
    run_days(owner, 0, 1)
    assert [len(states(each)) for each in (last, first, far)] == [0, 1, 0]


def test_there_is_one_open_alert_for_a_rule_and_subject(owner: User, deal: Deal) -> None:
    run_days(owner, 0, 1, 2)
    alert = deal.health_alerts.get()
    alert.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        alert.save(force_insert=True)
    assert Alert.objects.count() == 1


def test_a_signal_is_one_open_row_that_is_resolved_when_it_no_longer_holds(owner: User) -> None:
    contact = make_contact(owner)
    for days in (3, 4):
        add_event(contact, direction="outbound", at=ago(days), thread="a")
    refresh(owner)
    refresh(owner, now=NOW + timedelta(hours=1), max_age_hours=0)
    signal = Signal.objects.get(contact=contact, type="email_no_response")
    assert (signal.severity, signal.detected_at, signal.resolved_at) == ("high", NOW, None)
    add_event(contact, direction="outbound", at=ago(5), thread="a")
    refresh(owner, now=NOW + timedelta(hours=2))
    signal.refresh_from_db()
    assert (signal.severity, signal.detected_at) == ("critical", NOW)
    add_event(contact, direction="inbound", at=NOW, thread="a")
    refresh(owner, now=NOW + timedelta(hours=3))
    signal.refresh_from_db()
    assert signal.resolved_at == NOW + timedelta(hours=3)
