from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from config.jobs.claiming import claim
from config.jobs.draining import Budget
from contacts.deals import move_deal, open_deal
from contacts.models import CommunicationEvent, Contact, UserProfile
from health import calculating, profiles, refreshing, reminders
from health.models import BandChange, DealHealth, HealthProfile, HealthRun, HealthSnapshot, RelationshipHealth, Signal
from health.scoring import due
from tests.factories import make_contact, make_user
from tests.health.factories import NOW, add_event, ago, health_of, refresh, stage

DAY = timedelta(days=1)


def updated(owner: User, run: HealthRun) -> set[str]:
    assert run.as_of
    rows = RelationshipHealth.objects.filter(owner=owner, contact__isnull=False, calculated_at=run.as_of)
    return set(rows.values_list("contact__display_name", flat=True))


def command(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("refresh_health", *arguments, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_a_second_run_updates_nothing(owner: User) -> None:
    contact = make_contact(owner)
    add_event(contact, at=ago(3))
    open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=ago(20), contacts=(contact,))
    first = refresh(owner)
    before = [list(model.objects.order_by("pk").values()) for model in (RelationshipHealth, DealHealth, HealthSnapshot)]
    second = refresh(owner, now=NOW + timedelta(hours=1))
    assert (first.relationships_refreshed, first.deals_refreshed) == (1, 1)
    assert (second.relationships_refreshed, second.deals_refreshed) == (0, 0)
    assert before == [
        list(model.objects.order_by("pk").values()) for model in (RelationshipHealth, DealHealth, HealthSnapshot)
    ]


def test_a_new_changed_or_deleted_event_makes_exactly_that_contact_due(owner: User) -> None:
    ada, bo = make_contact(owner, "Ada"), make_contact(owner, "Bo")
    for contact in (ada, bo):
        add_event(contact, at=ago(3))
    refresh(owner)
    add_event(ada, at=ago(1))
    assert updated(owner, refresh(owner, now=NOW + timedelta(minutes=1))) == {"Ada"}
    CommunicationEvent.objects.filter(contact=bo).update(automated=True)
    assert updated(owner, refresh(owner, now=NOW + timedelta(minutes=2))) == {"Bo"}
    CommunicationEvent.objects.filter(contact=ada).delete()
    assert updated(owner, refresh(owner, now=NOW + timedelta(minutes=3))) == {"Ada"}
    assert health_of(ada).status == "unstarted"


def test_an_event_moved_to_another_contact_makes_both_due(owner: User) -> None:
    ada, bo, cy = (make_contact(owner, name) for name in ("Ada", "Bo", "Cy"))
    for contact in (ada, bo, cy):
        add_event(contact, at=ago(3))
    refresh(owner)
    CommunicationEvent.objects.filter(contact=ada).update(contact=bo)
    assert updated(owner, refresh(owner, now=NOW + timedelta(minutes=1))) == {"Ada", "Bo"}


def test_an_event_to_come_makes_its_contact_due_when_its_time_has_passed(owner: User) -> None:
    ada, bo = make_contact(owner, "Ada"), make_contact(owner, "Bo")
    add_event(ada, "meeting", at=NOW + timedelta(hours=2))
    add_event(bo, "meeting", at=NOW + timedelta(hours=6))
    refresh(owner)
    assert health_of(ada).status == "unstarted"
    assert updated(owner, refresh(owner, now=NOW + timedelta(hours=1))) == set()
    assert updated(owner, refresh(owner, now=NOW + timedelta(hours=2))) == {"Ada"}
    assert health_of(ada).status != "unstarted"


def test_a_daily_run_that_begins_a_little_early_skips_no_day(owner: User) -> None:
    contact = make_contact(owner)
    add_event(contact, at=ago(1))
    for day, jitter in enumerate([0, -50, 40, -600, 0]):
        run = refresh(owner, now=NOW + day * DAY + timedelta(seconds=jitter), max_age_hours=20)
        assert run.relationships_refreshed == 1


def test_a_snapshot_is_kept_only_when_score_or_band_changed(owner: User) -> None:
    contact = make_contact(owner)
    for days in (1, 2, 3):
        add_event(contact, at=ago(days))
    for day in range(40):
        refresh(owner, now=NOW + day * DAY, profile="classic")
    days_of = {row.day: (row.score, row.status) for row in HealthSnapshot.objects.filter(contact=contact)}
    assert days_of[NOW.date()] == (30, "critical")
    # Nothing changes until the silence of more than 14 days; then two points a day until the events leave the window.
    assert sorted(days_of) == [NOW.date(), *(NOW.date() + day * DAY for day in range(14, 29))]
    assert BandChange.objects.filter(contact=contact).values_list("from_status", "to_status").get() == (
        "critical",
        "ghost",
    )


def test_history_of_more_than_400_days_is_pruned(owner: User) -> None:
    contact = make_contact(owner)
    for days in (399, 402):
        HealthSnapshot.objects.create(
            owner=owner, contact=contact, day=ago(days).date(), status="ghost", profile="classic"
        )
    refresh(owner)
    assert HealthSnapshot.objects.filter(status="ghost").count() == 1


def test_only_active_owners_are_refreshed_unless_all_are_asked_for(owner: User) -> None:
    seen, away = make_user("seen"), make_user("away")
    now = timezone.now()
    User.objects.filter(pk=owner.pk).update(last_login=now - 6 * DAY)
    UserProfile.objects.create(user=seen, last_seen_at=now - DAY)
    User.objects.filter(pk=away.pk).update(last_login=now - 8 * DAY)
    for user in (owner, seen, away):
        make_contact(user)
    assert command()["usersProcessed"] == 2
    assert not RelationshipHealth.objects.filter(owner=away).exists()
    assert command("--all-users")["relationshipsRefreshed"] == 1
    assert command("--owner", "away", "--max-age-hours", "0")["relationshipsRefreshed"] == 1


def test_the_command_answers_with_its_totals_and_every_row(owner: User) -> None:
    contact = make_contact(owner)
    deal = open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=timezone.now(), contacts=(contact,))
    answer = command("--owner", "alice", "--rows", "--profile", "classic")
    assert set(answer) == {
        "success",
        "usersProcessed",
        "dealsRefreshed",
        "relationshipsRefreshed",
        "errors",
        "triggeredBy",
        "timestamp",
        "rows",
    }
    assert answer["rows"] == [
        {"id": deal.pk, "score": 100, "status": "healthy", "updated": True},
        {"id": str(contact.pk), "score": 0, "status": "ghost", "updated": True},
    ]
    again = command("--owner", "alice", "--rows", "--profile", "classic")
    assert (again["dealsRefreshed"], again["relationshipsRefreshed"]) == (0, 0)
    assert not any(row["updated"] for row in again["rows"])


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(CommandError, match="There is no profile 'best'"):
        call_command("refresh_health", "--profile", "best")


def test_one_owners_error_never_stops_the_next(owner: User, other_owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for user in (owner, other_owner):
        make_contact(user)
    real = calculating.median_gap

    def failing(known: Any) -> Any:
        if known["owner"] == owner.pk:
            raise ZeroDivisionError
        return real(known)

    monkeypatch.setattr(calculating, "median_gap", failing)
    with pytest.raises(CommandError, match="ZeroDivisionError"):
        command("--all-users")
    run = HealthRun.objects.get()
    assert (run.state, run.users_processed, run.relationships_refreshed) == ("completed", 1, 1)
    assert [error["owner"] for error in run.errors] == [owner.pk]


def test_a_run_goes_on_where_its_time_was_up(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "RANGE_ROWS", 2)
    monkeypatch.setattr(due, "CONTACT_RANGES", due.CONTACT_RANGES.replace("20000", "2"))
    for number in range(5):
        make_contact(owner, f"Person {number}")
    refreshing.request_run(owner_id=owner.pk, now=NOW, max_age_hours=0)
    counts = []
    while jobs := claim(HealthRun, limit=1):
        refreshing.run(jobs, Budget.of(0))
        counts.append(HealthRun.objects.get().relationships_refreshed)
    assert counts[:2] == [2, 4]
    assert counts[-1] == 5
    assert HealthRun.objects.get().state == "completed"


def test_a_revised_profile_makes_every_score_due(owner: User) -> None:
    contact = make_contact(owner)
    add_event(contact, at=ago(1))
    add_event(contact, "meeting", at=ago(1))
    refresh(owner)
    profile = HealthProfile.objects.get(name="signals")
    revised = profiles.revise(profile, weights={"relationship": {"engagement": 1}, "deal": profile.weights["deal"]})
    assert revised.version == profile.version + 1
    run = refresh(owner, now=NOW + timedelta(minutes=1))
    assert run.relationships_refreshed == 1
    assert health_of(contact).score == health_of(contact).factors["engagement"]["value"]


def test_weights_that_are_unknown_or_negative_are_refused() -> None:
    profile = HealthProfile.objects.get(name="signals")
    for weights in ({"relationship": {"charm": 3}}, {"deal": {"activity": -1}}):
        with pytest.raises(ValueError, match=r"charm|activity"):
            profiles.revise(profile, weights=weights)


def test_archived_contacts_and_closed_deals_lose_their_row_and_keep_their_history(owner: User) -> None:
    contact = make_contact(owner)
    deal = open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=ago(3))
    refresh(owner)
    Contact.objects.filter(pk=contact.pk).update(archived_at=NOW)
    move_deal(deal, stage=stage("Won"), now=NOW)
    run = refresh(owner, now=NOW + DAY)
    assert (run.relationships_refreshed, run.deals_refreshed) == (0, 0)
    assert not RelationshipHealth.objects.exists()
    assert not DealHealth.objects.exists()
    assert HealthSnapshot.objects.count() == 2


def test_a_deleted_user_leaves_no_scores_and_no_history(owner: User) -> None:
    contact = make_contact(owner)
    add_event(contact, "meeting_cancelled", at=ago(3))
    open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=ago(20), contacts=(contact,))
    refresh(owner)
    computed = (RelationshipHealth, DealHealth, HealthSnapshot, Signal)
    assert all(model.objects.filter(owner=owner).exists() for model in computed)
    owner.delete()
    assert not any(model.objects.exists() for model in computed)


def test_a_deal_is_due_when_it_moves_gains_a_contact_or_its_contact_has_a_new_event(owner: User) -> None:
    contact = make_contact(owner)
    deal = open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=ago(3))
    open_deal(owner_id=owner.pk, name="Other", stage=stage(), now=ago(3))
    refresh(owner)
    changes: list[Callable[[], object]] = [
        lambda: move_deal(deal, stage=stage("Verbal"), now=NOW),
        lambda: deal.contacts.add(contact),
        lambda: add_event(contact, at=NOW),
        lambda: deal.contacts.remove(contact),
    ]
    for minute, change in enumerate(changes, start=1):
        change()
        run = refresh(owner, now=NOW + timedelta(minutes=minute))
        assert run.deals_refreshed == 1, minute


def test_a_wished_gap_makes_the_contact_due(owner: User) -> None:
    contact = make_contact(owner)
    add_event(contact, at=ago(9))
    refresh(owner)
    reminders.wish_gap(contact, days=4)
    assert refresh(owner, now=NOW + timedelta(minutes=1)).relationships_refreshed == 1
    assert contact.health_signals.get(type="engagement_pattern_break").severity == "high"
