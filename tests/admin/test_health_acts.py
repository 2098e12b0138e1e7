"""What people do on the pages of health is seen at once, and what failed is done again from where it is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts.deals import open_deal
from contacts.models import Contact, Deal, Organization
from health.models import Alert, AlertRule, HealthRun, RelationshipHealth, Reminder
from tests.factories import make_contact
from tests.health.factories import make_cold, refresh, stage

DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


def page(client: Client, name: str, *args: Any, **query: str) -> str:
    response = client.get(reverse(f"admin:{name}", args=args), query)
    assert response.status_code == 200
    return str(response.content.decode())


def act(client: Client, contact: Contact, verb: str, **data: Any) -> str:
    """Press a button and return the page that it leads to."""
    url = reverse("admin:health_relationshiphealth_act", args=[contact.pk])
    return str(client.post(url, {"verb": verb, **data}, follow=True).content.decode())


def test_talking_takes_a_contact_off_the_list_before_the_score_has_followed(signed_in: Client, member: User) -> None:
    contact = make_cold(member)
    refresh(member, now=timezone.now())
    score = RelationshipHealth.objects.get(contact=contact).score
    assert "Ada Example" in page(signed_in, "health_relationshiphealth_going_cold")
    answer = act(signed_in, contact, "talked")
    assert "waits for a worker" in answer
    assert "Ada Example" not in page(signed_in, "health_relationshiphealth_going_cold").split('id="content"')[1]
    assert RelationshipHealth.objects.get(contact=contact).score == score


def test_a_follow_up_is_done_from_the_home_page(signed_in: Client, member: User, other_owner: User) -> None:
    contact = make_contact(member)
    mine = Reminder.objects.create(owner=member, contact=contact, due_on=timezone.localdate(), note="Send the offer")
    foreign = Reminder.objects.create(owner=other_owner, contact=make_contact(other_owner), due_on=timezone.localdate())
    assert f'name="reminder" value="{mine.pk}"' in page(signed_in, "index")
    for number in (foreign.pk, "", "x"):
        assert "was closed before" in act(signed_in, contact, "done", reminder=number)
    assert "is done" in act(signed_in, contact, "done", reminder=mine.pk)
    assert set(Reminder.objects.values_list("pk", "state")) == {(mine.pk, "done"), (foreign.pk, "open")}
    assert "Send the offer" not in page(signed_in, "index")


def test_a_follow_up_added_from_a_contact_leads_back_to_it(signed_in: Client, member: User) -> None:
    contact = make_contact(member)
    url = f"{reverse('admin:health_reminder_add')}?contact={contact.pk}"
    due_on = signed_in.get(url).context["adminform"].form.initial["due_on"]
    assert due_on == timezone.localdate() + 7 * DAY
    data = {"contact": contact.pk, "due_on": str(due_on), "_save": "Save"}
    back = reverse("admin:contacts_contact_change", args=[contact.pk])
    assert signed_in.post(url, data).headers["Location"] == back
    assert signed_in.post(url.split("?")[0], data).headers["Location"] == reverse("admin:health_reminder_changelist")


def test_an_alert_answered_leads_back_to_the_same_filters(signed_in: Client, member: User) -> None:
    rule = AlertRule.objects.get(metric="entered_ghost")
    alert = Alert.objects.create(
        owner=member, rule=rule, contact=make_contact(member), severity="critical", raised_at=timezone.now()
    )
    here = reverse("admin:health_alert_changelist")
    url = reverse("admin:health_alert_act", args=[alert.pk])
    for referer, back in (
        (f"https://testserver{here}?state=all&p=2", f"{here}?state=all&p=2"),
        ("https://evil.example/?x=1", here),
    ):
        answer = signed_in.post(url, {"verb": "acknowledge"}, headers={"Referer": referer})
        assert answer.headers["Location"] == back
    # The second one found it acknowledged already, and says so.
    assert "Nothing changed" in page(signed_in, "health_alert_changelist")


def test_deals_are_filtered_by_the_days_since_contact(signed_in: Client, member: User) -> None:
    now = timezone.now()
    for name, days in (("Quiet", 20), ("Lively", 1)):
        contact = make_cold(member, f"{name} Person", silent=days)
        open_deal(owner_id=member.pk, name=f"{name} deal", stage=stage(), now=now, contacts=(contact,))
    open_deal(owner_id=member.pk, name="Deal of nobody", stage=stage(), now=now)
    refresh(member, now=now)
    everything = page(signed_in, "health_dealhealth_changelist")
    assert all(name in everything for name in ("Quiet deal", "Lively deal", "Deal of nobody"))
    found = page(signed_in, "health_dealhealth_changelist", silent="14")
    assert "Quiet deal" in found
    assert not any(name in found for name in ("Lively deal", "Deal of nobody"))


def test_a_deal_without_contacts_asks_for_a_run_and_a_deleted_one_for_its_contacts(
    signed_in: Client, member: User
) -> None:
    data = {"name": "Renewal", "stage": stage().pk, "status": "active", "one_off_amount": "1", "monthly_amount": "0"}
    data |= {"stays-TOTAL_FORMS": 0, "stays-INITIAL_FORMS": 0}
    signed_in.post(reverse("admin:contacts_deal_add"), data)
    assert [run.only for run in HealthRun.objects.all()] == [[]]
    HealthRun.objects.all().delete()
    deal, contact = Deal.objects.get(), make_contact(member)
    deal.contacts.add(contact)
    signed_in.post(reverse("admin:contacts_deal_delete", args=[deal.pk]), {"post": "yes"})
    assert not Deal.objects.exists()
    assert [run.only for run in HealthRun.objects.all()] == [[contact.pk]]


def test_users_who_met_an_error_are_refreshed_again(admin_client: Client, member: User, other_owner: User) -> None:
    errors = [{"owner": member.pk, "error": "DataError; see the log."}]
    ended = HealthRun.objects.create(state="completed", triggered_by="schedule", max_age_hours=20, errors=errors)
    HealthRun.objects.create(state="completed", triggered_by="schedule")
    text = page(admin_client, "health_healthrun_changelist")
    assert "1 user" in text
    assert "Every morning" in text
    assert "carol: DataError; see the log." in page(admin_client, "health_healthrun_change", ended.pk)
    data = {"action": "retry", "_selected_action": list(HealthRun.objects.values_list("pk", flat=True)), "index": 0}
    admin_client.post(reverse("admin:health_healthrun_changelist"), data)
    again = HealthRun.objects.get(state="queued")
    assert (again.owner_id, again.max_age_hours, again.triggered_by) == (member.pk, 20, "person")


def test_an_organization_is_named_and_speaks_of_people(signed_in: Client, member: User) -> None:
    organization = Organization.objects.create(owner=member, name="Analytical Engines")
    for contact in (make_cold(member), make_contact(member, "New Example")):
        Contact.objects.filter(pk=contact.pk).update(organization=organization)
    refresh(member, now=timezone.now())
    health = RelationshipHealth.objects.get(organization=organization)
    text = page(signed_in, "health_relationshiphealth_change", health.pk)
    assert text.count("Analytical Engines") >= 3
    assert "1 of 2 people with a score" in text
    assert "Mood does not count yet" not in text


def test_switching_rules_off_says_how_many(admin_client: Client, member: User) -> None:
    rules = AlertRule.objects.filter(metric="days_silent")
    data = {"action": "switch_off", "_selected_action": [rule.pk for rule in rules], "index": 0}
    text = admin_client.post(reverse("admin:health_alertrule_changelist"), data, follow=True).content.decode()
    assert "2 rules switched off" in text
    assert "Days without activity, at least 14" in text
