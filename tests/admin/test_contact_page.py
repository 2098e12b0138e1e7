"""Writing about a contact by hand: what is cleaned, kept from imports, and refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts import registries
from contacts.models import CommunicationEvent, Contact, ContactAddress, ContactEmail, ContactPhone, UserProfile
from contacts.registries import Panel
from media_store.models import PhotoJob
from tests.admin.rows import make_member
from tests.admin.test_isolation import empty_formsets
from tests.factories import make_contact, make_picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    return make_member("carol")


@pytest.fixture
def browser(client: Client, member: User) -> Client:
    client.force_login(member)
    return client


def save(browser: Client, contact: Contact, **fields: Any) -> Any:
    data = {**empty_formsets(), "display_name": contact.display_name, **fields}
    return browser.post(reverse("admin:contacts_contact_change", args=[contact.pk]), data)


def test_what_is_edited_is_locked_sorted_and_newer(browser: Client, member: User) -> None:
    contact = make_contact(member, "Ada Example")
    before = Contact.objects.get().updated_at
    save(browser, contact, display_name="Zoë  Ångström", given_name="Zoë", family_name="Ångström", title="")
    contact.refresh_from_db()
    assert contact.display_name == "Zoë Ångström"
    assert contact.sort_name == "angstrom zoe"
    assert contact.locked_fields == ["display_name", "family_name", "given_name"]
    assert contact.updated_at > before


def test_saving_without_a_change_locks_nothing(browser: Client, member: User) -> None:
    contact = make_contact(member, "Ada Example", given_name="Ada", family_name="Example")
    before = Contact.objects.get().updated_at
    save(browser, contact, given_name="Ada", family_name="Example")
    contact.refresh_from_db()
    assert contact.locked_fields == []
    assert contact.updated_at == before


def test_addresses_and_numbers_get_their_match_keys(browser: Client, member: User) -> None:
    UserProfile.objects.create(user=member, phone_region="DE")
    contact = make_contact(member)
    before = Contact.objects.get().updated_at
    rows = {
        "emails-TOTAL_FORMS": 1,
        "emails-0-address": "Ada@Example.COM",
        "phones-TOTAL_FORMS": 1,
        "phones-0-raw": "030 1234567",
    }
    save(browser, contact, **rows)
    assert ContactEmail.objects.get().normalized == "ada@example.com"
    assert ContactPhone.objects.get().e164 == "+49301234567"
    contact.refresh_from_db()
    assert contact.updated_at > before


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ({"emails-TOTAL_FORMS": 1, "emails-0-address": "nobody"}, "This is not an e-mail address."),
        ({"phones-TOTAL_FORMS": 1, "phones-0-raw": "call me"}, "This is not a telephone number."),
        ({"links-TOTAL_FORMS": 1, "links-0-kind": "url", "links-0-value": "javascript:x()"}, "Only http and https"),
        ({"links-TOTAL_FORMS": 1, "links-0-kind": "social", "links-0-value": "javascript:x()"}, "This cannot be kept."),
        ({"birthday": "someday"}, "Write it as 1980-03-28"),
        ({"display_name": " "}, "A contact needs a name."),
    ],
)
def test_what_cannot_be_kept_is_refused(browser: Client, member: User, rows: dict[str, Any], complaint: str) -> None:
    contact = make_contact(member)
    response = save(browser, contact, **rows)
    assert response.status_code == 200
    assert complaint in response.content.decode()


def test_the_same_address_twice_is_refused(browser: Client, member: User) -> None:
    contact = make_contact(member, email="ada@example.com")
    rows = {"emails-TOTAL_FORMS": 2, "emails-0-address": "new@example.com", "emails-1-address": "NEW@example.com"}
    assert save(browser, contact, **rows).status_code == 200
    assert save(browser, contact, **{"emails-TOTAL_FORMS": 1, "emails-0-address": "ADA@example.com"}).status_code == 200
    assert ContactEmail.objects.count() == 1


def test_an_address_that_is_there_can_be_changed(browser: Client, member: User) -> None:
    contact = make_contact(member)
    address = ContactAddress.objects.create(owner=member, contact=contact, city="Berlin")
    rows = {
        "addresses-TOTAL_FORMS": 1,
        "addresses-INITIAL_FORMS": 1,
        "addresses-0-id": address.pk,
        "addresses-0-contact": contact.pk,
        "addresses-0-city": " Bremen ",
    }
    assert save(browser, contact, **rows).status_code == 302
    address.refresh_from_db()
    assert (address.city, address.contact) == ("Bremen", contact)


def test_a_name_is_made_from_its_parts(browser: Client) -> None:
    data = {**empty_formsets(), "display_name": "", "given_name": "Grace", "family_name": "Example"}
    browser.post(reverse("admin:contacts_contact_add"), data)
    contact = Contact.objects.get()
    assert (contact.display_name, contact.sort_name) == ("Grace Example", "example grace")
    assert contact.locked_fields == ["display_name", "family_name", "given_name"]


def test_a_call_is_logged_in_the_persons_own_time(browser: Client, member: User) -> None:
    UserProfile.objects.create(user=member, time_zone="Asia/Tokyo")
    contact = make_contact(member)
    url = reverse("admin:contacts_contact_log", args=[contact.pk])
    assert browser.get(url).status_code == 200
    data = {"kind": "call", "direction": "inbound", "happened_at": "2026-01-05T09:30", "subject": "Plans", "body": ""}
    assert browser.post(url, data).headers["Location"] == reverse("admin:contacts_contact_change", args=[contact.pk])
    event = CommunicationEvent.objects.get()
    assert event.happened_at == datetime(2026, 1, 5, 0, 30, tzinfo=UTC)
    assert (event.kind, event.direction, event.subject, event.owner) == ("call", "inbound", "Plans", member)
    contact.refresh_from_db()
    assert contact.facts_at is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "email"},
        {"subject": "", "body": " "},
        {"happened_at": (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")},
    ],
)
def test_what_cannot_be_logged_is_refused(browser: Client, member: User, wrong: dict[str, str]) -> None:
    contact = make_contact(member)
    data = {"kind": "note", "direction": "mutual", "happened_at": "2026-01-05T09:30", "subject": "Plans", **wrong}
    assert browser.post(reverse("admin:contacts_contact_log", args=[contact.pk]), data).status_code == 200
    assert not CommunicationEvent.objects.exists()


def test_deleting_a_contact_takes_its_photo_job_along(browser: Client, member: User) -> None:
    contact = make_contact(member)
    make_picture(contact)
    browser.post(reverse("admin:contacts_contact_delete", args=[contact.pk]), {"post": "yes"})
    assert not Contact.objects.exists()
    assert not PhotoJob.objects.exists()


def test_panels_of_other_apps_are_shown(browser: Client, member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    contact = make_contact(member)
    panel = Panel("Nearby", "contacts/admin/labels.html", lambda contact, request: {"labels": []})
    monkeypatch.setattr(registries, "panels", [panel])
    assert (
        "<h3>Nearby</h3>" in browser.get(reverse("admin:contacts_contact_change", args=[contact.pk])).content.decode()
    )


def test_deleting_many_names_the_first_and_counts_the_rest(
    admin_client: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contacts.admin.contact.NAMES_SHOWN", 2)
    ids = [make_contact(owner, f"Ada {number} Example").pk for number in range(3)]
    data = {"action": "delete_selected", "_selected_action": ids, "index": 0}
    page = admin_client.post(reverse("admin:contacts_contact_changelist"), data).content.decode()
    assert [f"Ada {number} Example" in page for number in range(3)] == [True, True, False]
    assert "and 1 more" in page
