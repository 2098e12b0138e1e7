"""The pages of health: what they show, what their buttons do, and that they cost no more than fifteen queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from contacts.models import CommunicationEvent, Contact, Deal, DealStage, Organization
from health.models import (
    Alert,
    AlertRule,
    HealthProfile,
    HealthRun,
    HealthSnapshot,
    KeepInTouch,
    MessageTemplate,
    RelationshipHealth,
    Reminder,
)
from tests.factories import make_contact
from tests.health.factories import make_cold, refresh, stage

DAY = timedelta(days=1)
MOST_QUERIES = 15

pytestmark = pytest.mark.django_db


def page(client: Client, name: str, *args: Any, **query: str) -> str:
    response = client.get(reverse(f"admin:{name}", args=args), query)
    assert response.status_code == 200
    return str(response.content.decode())


def is_cold(client: Client) -> bool:
    """Say whether Ada is on the list of those who go cold."""
    return '<section class="kith-card kith-cold" aria-label="Ada Example">' in page(
        client, "health_relationshiphealth_going_cold"
    )


def act(client: Client, contact: Contact, verb: str, **data: str) -> None:
    url = reverse("admin:health_relationshiphealth_act", args=[contact.pk])
    assert client.post(url, {"verb": verb, **data}).status_code == 302


def test_every_page_of_a_full_hub_costs_at_most_fifteen_queries(signed_in: Client, member: User) -> None:
    organization = Organization.objects.create(owner=member, name="Analytical Engines")
    contacts = [make_cold(member, f"Person {n}") for n in range(27)]
    Contact.objects.update(organization=organization)
    for contact in contacts:
        Reminder.objects.create(owner=member, contact=contact, due_on=timezone.localdate())
    refresh(member, now=timezone.now())
    rolled_up = RelationshipHealth.objects.get(organization=organization)
    profile = HealthProfile.objects.get(name="signals")
    for url in (
        reverse("admin:health_relationshiphealth_going_cold"),
        reverse("admin:health_relationshiphealth_changelist"),
        reverse("admin:health_relationshiphealth_change", args=[rolled_up.pk]),
        reverse("admin:health_healthprofile_change", args=[profile.pk]),
        reverse("admin:health_reminder_changelist"),
    ):
        signed_in.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert signed_in.get(url).status_code == 200
        assert len(queries) <= MOST_QUERIES, (url, len(queries))


def test_the_panel_adds_a_fixed_number_of_queries_to_the_contact_page(signed_in: Client, member: User) -> None:
    contact = make_cold(member)
    url = reverse("admin:contacts_contact_change", args=[contact.pk])
    counts = []
    for _ in range(3):
        refresh(member, now=timezone.now(), max_age_hours=0)
        signed_in.get(url)
        with CaptureQueriesContext(connection) as queries:
            signed_in.get(url)
        counts.append(len(queries))
    assert len(set(counts)) == 1


def test_the_panel_explains_a_score(signed_in: Client, member: User) -> None:
    contact = make_cold(member)
    refresh(member, now=timezone.now())
    text = page(signed_in, "contacts_contact_change", contact.pk)
    health = RelationshipHealth.objects.get(contact=contact)
    assert health.sentence in text
    assert f"{health.known_factors} of 5 signals" in text
    assert "What would raise it" in text
    assert "No contact for more than 21 days" in text
    assert "Out of rhythm" in text
    assert "Hello Ada, it has been 40 days" in text
    assert "<polyline" in text


def test_a_contact_without_a_score_says_so(signed_in: Client, member: User) -> None:
    assert "No score yet" in page(signed_in, "contacts_contact_change", make_contact(member).pk)


def test_the_trend_is_drawn_from_the_days_on_which_the_score_changed(signed_in: Client, member: User) -> None:
    contact = make_cold(member)
    refresh(member, now=timezone.now())
    today = timezone.localdate()
    for days, score in ((80, 90), (40, 60)):
        HealthSnapshot.objects.create(
            owner=member, contact=contact, day=today - days * DAY, score=score, status="healthy", profile="signals"
        )
    text = page(signed_in, "health_relationshiphealth_changelist")
    first = today - 80 * DAY
    assert f'aria-label="Trend: 90 on {first.day} {first:%B %Y}, ' in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, {"Cold Example", "Warm Example", "New Example"}),
        ({"status__exact": "unstarted"}, {"New Example"}),
        ({"silent": "30"}, {"Cold Example"}),
        ({"coverage": "none"}, {"New Example"}),
        ({"coverage": "thin"}, {"Cold Example", "Warm Example"}),
        ({"of": "organizations"}, {"Engines"}),
        ({"q": "warm"}, {"Warm Example"}),
    ],
)
def test_the_list_is_filtered(signed_in: Client, member: User, query: dict[str, str], shown: set[str]) -> None:
    make_cold(member, "Cold Example")
    make_cold(member, "Warm Example", silent=1)
    new = make_contact(member, "New Example")
    Contact.objects.filter(pk=new.pk).update(organization=Organization.objects.create(owner=member, name="Engines"))
    refresh(member, now=timezone.now())
    text = page(signed_in, "health_relationshiphealth_changelist", **query)
    names = {"Cold Example", "Warm Example", "New Example", "Engines"}
    assert {name for name in names if f">{name}</a>" in text} == shown


def test_talking_today_takes_a_contact_off_the_list(signed_in: Client, member: User) -> None:
    contact = make_cold(member)
    Reminder.objects.create(owner=member, contact=contact, due_on=timezone.localdate(), created_at=timezone.now() - DAY)
    refresh(member, now=timezone.now())
    assert is_cold(signed_in)
    act(signed_in, contact, "talked")
    assert Reminder.objects.get().state == "done"
    assert CommunicationEvent.objects.filter(contact=contact, subject="Talked", kind="call").count() == 1
    assert HealthRun.objects.filter(only=[contact.pk], state="queued").count() == 1
    refresh(member, now=timezone.now())
    assert not is_cold(signed_in)


def test_a_snoozed_contact_is_not_on_the_list_until_it_is_woken(signed_in: Client, member: User) -> None:
    contact = make_cold(member)
    refresh(member, now=timezone.now())
    act(signed_in, contact, "snooze")
    assert not is_cold(signed_in)
    assert "End the snooze" in page(signed_in, "contacts_contact_change", contact.pk)
    act(signed_in, contact, "wake")
    assert is_cold(signed_in)


def test_a_wished_gap_decides_who_is_overdue(signed_in: Client, member: User) -> None:
    contact = make_cold(member, silent=10)
    for days, is_overdue in (("20", False), ("5", True)):
        act(signed_in, contact, "gap", days=days)
        refresh(member, now=timezone.now())
        assert is_cold(signed_in) == is_overdue
    act(signed_in, contact, "gap", days="0")
    assert KeepInTouch.objects.get().wished_gap_days == 5
    act(signed_in, contact, "gap", days="")
    assert KeepInTouch.objects.get().wished_gap_days is None


def test_buttons_do_nothing_to_foreign_contacts_and_lead_nowhere_else(
    signed_in: Client, member: User, other_owner: User
) -> None:
    foreign, mine = make_cold(other_owner), make_cold(member)
    url = "admin:health_relationshiphealth_act"
    assert signed_in.post(reverse(url, args=[foreign.pk]), {"verb": "talked"}).status_code == 404
    assert not CommunicationEvent.objects.filter(subject="Talked").exists()
    assert signed_in.get(reverse(url, args=[mine.pk])).status_code == 405
    for address in ("https://evil.example/", "//evil.example/", "javascript:x"):
        response = signed_in.post(reverse(url, args=[mine.pk]), {"verb": "snooze", "next": address})
        assert response.headers["Location"] == reverse("admin:contacts_contact_change", args=[mine.pk])


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("acknowledge", "active", "acknowledged"),
        ("acknowledge", "resolved", "resolved"),
        ("resolve", "acknowledged", "resolved"),
        ("dismiss", "active", "dismissed"),
        ("dismiss", "resolved", "resolved"),
        ("snooze", "active", "dismissed"),
    ],
)
def test_alerts_change_only_as_their_states_allow(
    signed_in: Client, member: User, verb: str, before: str, after: str
) -> None:
    rule = AlertRule.objects.get(metric="entered_ghost")
    alert = Alert.objects.create(
        owner=member,
        rule=rule,
        contact=make_contact(member),
        state=before,
        severity="critical",
        raised_at=timezone.now(),
    )
    signed_in.post(reverse("admin:health_alert_act", args=[alert.pk]), {"verb": verb})
    alert.refresh_from_db()
    assert alert.state == after
    assert KeepInTouch.objects.filter(snoozed_until__gt=timezone.now()).exists() == (verb == "snooze")
    Alert.objects.update(state=before, closed_at=None)
    data = {"action": verb, "_selected_action": alert.pk, "index": 0}
    signed_in.post(reverse("admin:health_alert_changelist") + "?state=all", data)
    alert.refresh_from_db()
    assert alert.state == after


def test_a_member_may_try_a_profile_but_not_save_it(signed_in: Client, member: User, admin_client: Client) -> None:
    make_cold(member)
    refresh(member, now=timezone.now())
    profile = HealthProfile.objects.get(name="signals")
    url = reverse("admin:health_healthprofile_change", args=[profile.pk])
    form = signed_in.get(url).context["form"]
    data = {name: field.initial for name, field in form.fields.items() if field.initial is not None}
    data |= {"relationship_b_healthy": 3, "relationship_b_at_risk": 2, "relationship_b_critical": 1}
    tried = signed_in.post(url, {**data, "verb": "try"}).content.decode()
    assert "1 of 1 would change its band" in tried
    assert signed_in.post(url, {**data, "verb": "save"}).status_code == 403
    assert HealthProfile.objects.get(name="signals").version == profile.version

    wrong = admin_client.post(url, {**data, "relationship_b_at_risk": 50, "verb": "save"}).content.decode()
    assert "must begin at lower and lower scores" in wrong
    assert admin_client.post(url, {**data, "verb": "save"}).status_code == 302
    profile.refresh_from_db()
    assert (profile.version, profile.thresholds["relationship"]["healthy"]) == (2, 3)
    assert HealthRun.objects.filter(state="queued").count() == 1


def test_system_rules_are_switched_off_and_never_deleted(admin_client: Client, db: None) -> None:
    rule = AlertRule.objects.filter(is_system=True).first()
    own = AlertRule.objects.create(name="Mine", metric="days_silent", limit=60, severity="info")
    assert rule
    assert (
        admin_client.post(reverse("admin:health_alertrule_delete", args=[rule.pk]), {"post": "yes"}).status_code == 403
    )
    data = {"action": "delete_selected", "_selected_action": rule.pk, "index": 0, "post": "yes"}
    admin_client.post(reverse("admin:health_alertrule_changelist"), data)
    assert AlertRule.objects.filter(pk=rule.pk).exists()
    admin_client.post(reverse("admin:health_alertrule_changelist"), {**data, "action": "switch_off"})
    assert not AlertRule.objects.get(pk=rule.pk).enabled
    admin_client.post(reverse("admin:health_alertrule_delete", args=[own.pk]), {"post": "yes"})
    assert not AlertRule.objects.filter(pk=own.pk).exists()


def test_rules_cannot_silence_each_other(admin_client: Client, db: None) -> None:
    upper = AlertRule.objects.get(name="30 days in the stage")
    lower = AlertRule.objects.get(name="14 days in the stage")
    assert lower.superseded_by == upper
    data = {"name": upper.name, "metric": upper.metric, "limit": "30", "severity": "critical", "enabled": "on"}
    url = reverse("admin:health_alertrule_change", args=[upper.pk])
    answer = admin_client.post(url, {**data, "superseded_by": lower.pk}).content.decode()
    assert "These rules would silence each other." in answer


def test_a_change_of_stage_in_the_form_is_recorded_with_its_time(signed_in: Client, member: User) -> None:
    contact = make_contact(member)
    data = {"name": "Renewal", "stage": stage().pk, "status": "active", "contacts": [contact.pk]}
    data |= {"one_off_amount": "100", "monthly_amount": "10", "stays-TOTAL_FORMS": 0, "stays-INITIAL_FORMS": 0}
    signed_in.post(reverse("admin:contacts_deal_add"), data)
    deal = Deal.objects.get()
    opened_at = deal.stage_changed_at
    assert opened_at
    assert [(stay.stage.name, stay.left_at) for stay in deal.stays.all()] == [("SQL", None)]
    verbal = DealStage.objects.get(name="Verbal")
    url = reverse("admin:contacts_deal_change", args=[deal.pk])
    signed_in.post(url, {**data, "stage": verbal.pk, "name": "Renewal 2"})
    deal.refresh_from_db()
    assert (deal.name, deal.stage, deal.owner_id) == ("Renewal 2", verbal, member.pk)
    assert deal.stage_changed_at
    assert deal.stage_changed_at > opened_at
    first, second = deal.stays.all()
    assert (first.left_at, second.left_at) == (second.entered_at, None)
    signed_in.post(url, {**data, "stage": verbal.pk})
    assert deal.stays.count() == 2
    assert HealthRun.objects.filter(only=[contact.pk]).exists()
    assert "would" not in page(signed_in, "contacts_deal_changelist")


def test_a_deal_takes_no_foreign_contacts_and_no_negative_amounts(
    signed_in: Client, member: User, other_owner: User
) -> None:
    foreign = make_contact(other_owner)
    data = {"name": "Renewal", "stage": stage().pk, "status": "active", "contacts": [foreign.pk]}
    data |= {"one_off_amount": "-1", "monthly_amount": "0", "stays-TOTAL_FORMS": 0, "stays-INITIAL_FORMS": 0}
    answer = signed_in.post(reverse("admin:contacts_deal_add"), data)
    assert set(answer.context["adminform"].form.errors) >= {"contacts", "one_off_amount"}
    assert not Deal.objects.exists()


def test_refreshing_needs_a_button_and_is_ones_own(signed_in: Client, member: User, other_owner: User) -> None:
    make_contact(member)
    url = reverse("admin:health_healthrun_refresh")
    signed_in.get(url)
    assert HealthRun.objects.count() == 0
    signed_in.post(url, {"whose": "everybody", "all": "on"})
    run = HealthRun.objects.get()
    assert (run.owner_id, run.triggered_by, run.max_age_hours) == (member.pk, "person", 0)
    HealthRun.objects.filter(pk=run.pk).update(state="failed", last_error="The disk was full.")
    assert "The disk was full." in page(signed_in, "health_healthrun_changelist")
    data = {"action": "retry", "_selected_action": run.pk, "index": 0}
    signed_in.post(reverse("admin:health_healthrun_changelist"), data)
    run.refresh_from_db()
    assert run.state == "queued"


def test_message_templates_know_their_placeholders(signed_in: Client, member: User) -> None:
    page(signed_in, "health_messagetemplate_changelist")
    template = MessageTemplate.objects.get(owner=member, context="general_ghosting")
    url = reverse("admin:health_messagetemplate_change", args=[template.pk])
    assert "means nothing here" in signed_in.post(url, {"text": "Dear {boss}"}).content.decode()
    signed_in.post(url, {"text": "Dear {first_name}"})
    template.refresh_from_db()
    assert template.text == "Dear {first_name}"


def test_the_home_page_says_what_is_due(signed_in: Client, member: User) -> None:
    contact = make_cold(member)
    Contact.objects.filter(pk=contact.pk).update(birthday=f"1990-{timezone.localdate():%m-%d}")
    Reminder.objects.create(owner=member, contact=contact, due_on=timezone.localdate(), note="Send the offer")
    refresh(member, now=timezone.now())
    with CaptureQueriesContext(connection) as queries:
        text = page(signed_in, "index")
    assert len(queries) <= 25
    assert "Send the offer" in text
    assert "turns" in text
    assert "40 days" in text
