"""Erasing from the contact page and from the list: the numbers first, and only one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from config.audit import AuditEvent
from contacts.models import Contact
from tests.admin.rows import make_member
from tests.factories import make_contact, make_picture

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, settings: Any) -> Path:
    settings.ERASURE_LEDGER = tmp_path / "erasures.jsonl"
    return Path(settings.ERASURE_LEDGER)


@pytest.fixture
def member() -> User:
    return make_member("carol")


@pytest.fixture
def browser(client: Client, member: User) -> Client:
    client.force_login(member)
    return client


def url(contact: Contact) -> str:
    return reverse("admin:contacts_contact_erase", args=[contact.pk])


def test_the_page_says_what_goes_and_a_post_does_it(browser: Client, member: User) -> None:
    contact = make_contact(member, "Ada Example", email="ada@example.com")
    make_picture(contact)
    page = browser.get(reverse("admin:contacts_contact_change", args=[contact.pk])).content.decode()
    assert url(contact) in page
    page = browser.get(url(contact)).content.decode()
    assert "Erase Ada Example" in page
    assert "<dt>E-mail addresses</dt><dd>1</dd>" in page
    assert "<dt>Stored pictures</dt><dd>1 (" in page
    assert Contact.objects.exists()
    answer = browser.post(url(contact), follow=True)
    assert "Erased for good: 1 contact, 2 rows and 1 files." in answer.content.decode()
    assert "Ada Example" not in answer.content.decode()
    assert not Contact.objects.exists()
    event = AuditEvent.objects.get()
    assert (event.verb, event.actor_name) == ("erased", "carol")
    assert browser.get(url(contact)).status_code == 404


def test_chosen_contacts_are_erased_after_a_question(browser: Client, member: User) -> None:
    chosen = [make_contact(member, f"Person {n}") for n in range(3)]
    kept = make_contact(member, "Zoe Example")
    data = {"action": "erase_chosen", "_selected_action": [str(one.pk) for one in chosen], "index": 0}
    listing = reverse("admin:contacts_contact_changelist")
    page = browser.post(listing, data).content.decode()
    assert "Erase 3 contacts" in page
    assert all(str(one) in page for one in chosen)
    assert Contact.objects.count() == 4
    browser.post(listing, {**data, "confirmed": "yes"})
    assert list(Contact.objects.all()) == [kept]


def test_too_many_at_once_are_refused(browser: Client, member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contacts.admin.erasing.MOST_AT_ONCE", 2)
    chosen = [str(make_contact(member, f"Person {n}").pk) for n in range(3)]
    data = {"action": "erase_chosen", "_selected_action": chosen, "index": 0, "confirmed": "yes"}
    page = browser.post(reverse("admin:contacts_contact_changelist"), data, follow=True).content.decode()
    assert "At most 2 contacts can be erased at once" in page
    assert Contact.objects.count() == 3


def test_somebody_elses_contact_is_not_there(browser: Client, member: User, other_owner: User) -> None:
    contact = make_contact(other_owner)
    assert browser.get(url(contact)).status_code == 404
    assert browser.post(url(contact)).status_code == 404
    data = {"action": "erase_chosen", "_selected_action": str(contact.pk), "index": 0, "confirmed": "yes"}
    browser.post(reverse("admin:contacts_contact_changelist"), data)
    assert Contact.objects.exists()


def test_who_may_not_delete_may_not_erase(client: Client, member: User) -> None:
    contact = make_contact(member)
    member.groups.get().permissions.remove(Permission.objects.get(codename="delete_contact"))
    client.force_login(member)
    assert url(contact) not in client.get(reverse("admin:contacts_contact_change", args=[contact.pk])).content.decode()
    assert client.post(url(contact)).status_code == 403
    data = {"action": "erase_chosen", "_selected_action": str(contact.pk), "index": 0, "confirmed": "yes"}
    client.post(reverse("admin:contacts_contact_changelist"), data)
    assert Contact.objects.exists()
