"""Scores follow new facts: at once where the writer tells, within minutes where it does not, each morning anyway."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.jobs.draining import drain
from config.schedules import LINES
from contacts import news
from contacts.deals import move_deal, open_deal
from contacts.events import log_event
from contacts.models import CommunicationEvent, Contact, Organization
from health import history, tasks
from health.models import DealHealth, HealthRun, RelationshipHealth, Reminder
from health.refreshing import follow_facts
from health.talking import talked
from tests.factories import make_contact, make_user
from tests.health.factories import add_reminder, health_of, refresh, stage

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def scored(owner: User, *names: str) -> list[Contact]:
    """Make contacts, last met a fortnight ago, whose scores are fresh."""
    now = timezone.now()
    contacts = [make_contact(owner, name) for name in names]
    for contact in contacts:
        log_event(contact, kind="call", happened_at=now - 14 * DAY)
    refresh(owner, now=now)
    HealthRun.objects.all().delete()
    return contacts


def run_health() -> None:
    drain(HealthRun.QUEUE, is_ringing=False)


def calculated(contact: Contact) -> Any:
    return health_of(contact).calculated_at


def test_a_logged_call_refreshes_exactly_that_contact_and_its_deals(owner: User) -> None:
    ada, bo = scored(owner, "Ada", "Bo")
    deal = open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=timezone.now(), contacts=(ada,))
    before = calculated(bo)
    log_event(ada, kind="call", happened_at=timezone.now())
    run_health()
    run = HealthRun.objects.get()
    assert (run.state, run.only, run.relationships_refreshed, run.deals_refreshed) == ("completed", [ada.pk], 1, 1)
    assert health_of(ada).facts["days_since_contact"] == 0
    assert DealHealth.objects.get(deal=deal).facts["days_since_activity"] == 0
    assert calculated(bo) == before


def test_a_run_for_one_contact_finds_what_a_whole_run_finds(owner: User) -> None:
    ada, _ = scored(owner, "Ada", "Bo")
    Contact.objects.update(organization=Organization.objects.create(owner=owner, name="Analytical Engines"))
    talked(ada, now=timezone.now())
    run_health()
    alone = RelationshipHealth.objects.filter(contact=ada).values().get()
    rolled_up = RelationshipHealth.objects.get(organization__isnull=False)
    refresh(owner, now=alone["calculated_at"], max_age_hours=0)
    RelationshipHealth.objects.all().delete()
    refresh(owner, now=alone["calculated_at"])
    whole = RelationshipHealth.objects.filter(contact=ada).values().get()
    same = ("score", "status", "factors", "facts", "sentence", "ghost_probability", "facts_seen_at", "deals_seen")
    assert {name: alone[name] for name in same} == {name: whole[name] for name in same}
    assert RelationshipHealth.objects.get(organization__isnull=False).score == rolled_up.score


def test_many_facts_at_once_ask_for_one_run(owner: User) -> None:
    contacts = scored(owner, *(f"Person {n}" for n in range(25)))
    for _ in range(3):
        follow_facts(owner.pk, [contact.pk for contact in contacts])
        follow_facts(owner.pk, [contacts[0].pk])
    assert [run.only for run in HealthRun.objects.all()] == [[]]


def test_the_same_contact_waits_in_the_queue_once(owner: User) -> None:
    [ada] = scored(owner, "Ada")
    for _ in range(3):
        log_event(ada, kind="call", happened_at=timezone.now() - HOUR)
    assert HealthRun.objects.count() == 1


def test_facts_written_without_a_word_are_found_by_the_clock(owner: User, other_owner: User) -> None:
    [ada] = scored(owner, "Ada")
    scored(other_owner, "Bo")
    User.objects.update(last_login=timezone.now())
    assert tasks.follow_facts(now=timezone.now()) == 0
    CommunicationEvent.objects.filter(contact=ada).update(automated=True)
    assert tasks.follow_facts(now=timezone.now()) == 1
    run_health()
    assert HealthRun.objects.get().relationships_refreshed == 1
    assert health_of(ada).status == "unstarted"
    assert tasks.follow_facts(now=timezone.now()) == 0


def test_a_deal_without_contacts_is_found_by_the_clock_when_its_stage_changes(owner: User) -> None:
    scored(owner, "Ada")
    User.objects.update(last_login=timezone.now())
    deal = open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=timezone.now() - 20 * DAY)
    refresh(owner, now=timezone.now())
    assert tasks.follow_facts(now=timezone.now()) == 0
    assert health_of(deal).facts["days_in_stage"] == 20
    move_deal(deal, stage=stage("Opportunity"), now=timezone.now())
    assert tasks.follow_facts(now=timezone.now()) == 1
    run_health()
    assert health_of(deal).facts["days_in_stage"] == 0
    assert tasks.follow_facts(now=timezone.now()) == 0
    move_deal(deal, stage=stage("Won"), now=timezone.now())
    assert tasks.follow_facts(now=timezone.now()) == 1
    run_health()
    assert not DealHealth.objects.exists()
    assert tasks.follow_facts(now=timezone.now()) == 0


def test_a_deal_that_is_won_loses_its_score_with_the_next_run_for_its_contact(owner: User) -> None:
    [ada] = scored(owner, "Ada")
    deal = open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=timezone.now(), contacts=(ada,))
    refresh(owner, now=timezone.now())
    move_deal(deal, stage=stage("Won"), now=timezone.now())
    news.tell(owner.pk, [ada.pk])
    run_health()
    assert not DealHealth.objects.exists()


def test_talking_today_closes_the_follow_ups_that_it_answers(owner: User) -> None:
    ada, bo = scored(owner, "Ada", "Bo")
    now = timezone.now()
    add_reminder(ada, due_on=now.date(), now=now - DAY)
    add_reminder(bo, due_on=now.date(), now=now - DAY)
    assert talked(ada, now=now) == 1
    assert list(Reminder.objects.filter(state="open").values_list("contact__display_name", flat=True)) == ["Bo"]
    event = CommunicationEvent.objects.get(contact=ada, happened_at=now)
    assert (event.kind, event.owner_id) == ("call", owner.pk)


def test_the_clock_refreshes_each_morning(owner: User) -> None:
    User.objects.update(last_login=timezone.now())
    make_contact(owner)
    assert LINES["health"].usual == "07:00"
    LINES["health"].work()
    run = HealthRun.objects.get()
    assert (run.state, run.triggered_by, run.max_age_hours, run.relationships_refreshed) == (
        "completed",
        "schedule",
        20,
        1,
    )


def test_a_scheduler_outside_gets_the_answer_of_the_command(owner: User, client: Client, settings: Any) -> None:
    settings.CRON_SECRET = "a-secret-of-at-least-32-characters-0123456789"
    make_contact(owner)
    make_contact(make_user("gone", last_login=timezone.now() - 30 * DAY))
    User.objects.filter(pk=owner.pk).update(last_login=timezone.now())
    assert client.post("/api/cron/health-refresh").status_code == 401
    answer = client.post("/api/cron/health-refresh", headers={"Authorization": f"Bearer {settings.CRON_SECRET}"}).json()
    assert {name: answer[name] for name in ("success", "usersProcessed", "relationshipsRefreshed", "errors")} == {
        "success": True,
        "usersProcessed": 1,
        "relationshipsRefreshed": 1,
        "errors": [],
    }
    assert (answer["triggeredBy"], answer["dealsRefreshed"]) == ("cron", 0)


def test_ended_runs_are_kept_for_thirty_days(owner: User) -> None:
    now = timezone.now()
    old, young = refresh(owner, now=now), refresh(owner, now=now)
    failed = refresh(owner, now=now)
    HealthRun.objects.filter(pk=failed.pk).update(state="queued", queued_at=now - 60 * DAY, finished_at=None)
    HealthRun.objects.filter(pk=old.pk).update(finished_at=now - 31 * DAY)
    HealthRun.objects.filter(pk=young.pk).update(finished_at=now - 29 * DAY)
    assert history.prune(now=now) == 1
    assert set(HealthRun.objects.values_list("pk", flat=True)) == {young.pk, failed.pk}
