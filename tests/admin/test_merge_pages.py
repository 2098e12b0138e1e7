"""Merging, undoing and unlocking by hand, and where the contact page says that values come from."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts.duplicates import find_duplicates
from contacts.models import Contact, DuplicateSuggestion, HandEdit, MergeRecord
from contacts.provenance import lines_of
from imports.models import ImportJob, ImportRow
from tests.admin.rows import make_member
from tests.admin.test_contact_page import save
from tests.factories import make_contact

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    return make_member("carol")


@pytest.fixture
def browser(client: Client, member: User) -> Client:
    client.force_login(member)
    return client


@pytest.fixture
def pair(member: User) -> DuplicateSuggestion:
    make_contact(member, "Ada Example", email="ada@example.com", title="Engineer", notes="One")
    make_contact(member, "Ada Example", email="ada@example.com", title="Countess", notes="Two", nickname="Addie")
    find_duplicates(member.pk, now=timezone.now())
    return DuplicateSuggestion.objects.get()


def page_of(suggestion: DuplicateSuggestion) -> str:
    return reverse("admin:contacts_duplicatesuggestion_change", args=[suggestion.pk])


def test_a_pair_is_shown_side_by_side_and_merged_as_chosen(browser: Client, pair: DuplicateSuggestion) -> None:
    page = browser.get(page_of(pair)).content.decode()
    assert all(value in page for value in ("Engineer", "Countess", "Addie", "ada@example.com", "Same e-mail address"))
    data = {"verb": "merge", "stays": "second", "title": "first", "notes": "both", "nickname": "second"}
    response = browser.post(page_of(pair), data)
    contact = Contact.objects.get()
    assert response.headers["Location"] == reverse("admin:contacts_contact_change", args=[contact.pk])
    assert contact.pk == pair.second_id
    assert (contact.title, contact.nickname, contact.notes) == ("Engineer", "Addie", "Two\n\nOne")


def test_a_merge_is_undone_by_its_button(browser: Client, pair: DuplicateSuggestion) -> None:
    browser.post(page_of(pair), {"verb": "merge", "stays": "first"})
    url = reverse("admin:contacts_mergerecord_change", args=[MergeRecord.objects.get().pk])
    assert "Undo this merge" in browser.get(url).content.decode()
    browser.post(url, {"verb": "undo"})
    assert Contact.objects.count() == 2
    assert "Undo this merge" not in browser.get(url).content.decode()
    assert "no longer" not in browser.post(url, {"verb": "undo"}, follow=True).content.decode()
    assert Contact.objects.count() == 2


def test_a_dismissed_pair_leaves_the_queue(browser: Client, pair: DuplicateSuggestion) -> None:
    url = reverse("admin:contacts_duplicatesuggestion_changelist")
    browser.post(page_of(pair), {"verb": "dismiss"})
    assert not browser.get(url).context["cl"].result_list
    assert len(browser.get(url, {"state": "dismissed"}).context["cl"].result_list) == 1
    assert Contact.objects.count() == 2


def test_certain_pairs_are_merged_after_a_question(browser: Client, member: User, pair: DuplicateSuggestion) -> None:
    make_contact(member, "Bo", phone="+12025550110")
    make_contact(member, "Cy", phone="+12025550110")
    find_duplicates(member.pk, now=timezone.now())
    url = reverse("admin:contacts_duplicatesuggestion_changelist")
    chosen = list(DuplicateSuggestion.objects.values_list("pk", flat=True))
    data = {"action": "merge_certain", "_selected_action": chosen, "index": 0}
    assert "Merge 1 pair<" in browser.post(url, data).content.decode()
    assert Contact.objects.count() == 4
    browser.post(url, {**data, "confirmed": "yes"})
    assert Contact.objects.count() == 3


def test_looking_finds_ones_own_duplicates(browser: Client, member: User) -> None:
    for name in ("A", "B"):
        make_contact(member, name, email="a@example.com")
    browser.post(reverse("admin:contacts_duplicatesuggestion_look"))
    assert DuplicateSuggestion.objects.get().owner == member


def test_who_may_not_change_contacts_may_not_merge(client: Client, pair: DuplicateSuggestion, member: User) -> None:
    group = member.groups.get()
    group.permissions.remove(*group.permissions.filter(codename="change_contact"))
    client.force_login(member)
    client.post(page_of(pair), {"verb": "merge", "stays": "first"})
    client.post(page_of(pair), {"verb": "dismiss"})
    assert Contact.objects.count() == 2
    assert DuplicateSuggestion.objects.get().state == "open"


def test_the_contact_page_says_where_values_come_from(browser: Client, member: User) -> None:
    contact = make_contact(member, "Ada Example", email="ada@example.com", title="Engineer", nickname="Addie")
    job = ImportJob.objects.create(
        owner=member, provider="vcard", state="completed", upload_name="people.vcf", finished_at=timezone.now()
    )
    parsed = {"display_name": "Ada Example", "title": "Old", "emails": [{"address": "ada@example.com"}]}
    ImportRow.objects.create(job=job, position=1, contact=contact, outcome="created", parsed=parsed)
    save(browser, contact, title="Countess", nickname="Addie")
    contact.refresh_from_db()
    origins = {(line.label, line.value): (line.origin, line.lock) for line in lines_of(contact)}
    assert origins["Display name", "Ada Example"] == (f"vCard file, {job}", "")
    assert origins["E-mail", "ada@example.com"] == (f"vCard file, {job}", "")
    assert origins["Title", "Countess"] == ("edited by hand by carol", "title")
    assert origins["Nickname", "Addie"] == ("not recorded", "")
    page = browser.get(reverse("admin:contacts_contact_change", args=[contact.pk])).content.decode()
    assert "Where this comes from" in page
    assert "Unlock Title" in page


def test_a_row_written_by_hand_says_so(browser: Client, member: User) -> None:
    contact = make_contact(member)
    save(browser, contact, **{"emails-TOTAL_FORMS": 1, "emails-0-address": "ada@example.com"})
    edit = HandEdit.objects.get()
    assert (edit.field, edit.row_id, edit.edited_by) == ("emails", contact.emails.get().pk, "carol")
    assert ("E-mail", "edited by hand by carol") in [(line.label, line.origin) for line in lines_of(contact)]


def test_a_lock_can_be_removed(browser: Client, member: User) -> None:
    contact = make_contact(member, title="Countess", locked_fields=["notes", "title"])
    url = reverse("admin:contacts_contact_unlock", args=[contact.pk])
    before = Contact.objects.get().updated_at
    assert browser.get(url).status_code == 405
    browser.post(url, {"field": "title"})
    contact.refresh_from_db()
    assert contact.locked_fields == ["notes"]
    assert contact.updated_at > before


def test_editing_or_removing_a_row_by_hand_makes_a_plan_stale(browser: Client, member: User) -> None:
    contact = make_contact(member, email="ada@example.com", phone="+12025550110")
    for prefix, row, change in (
        ("emails", contact.emails.get(), {"address": "ada@example.com", "label": "home"}),
        ("phones", contact.phones.get(), {"raw": "+12025550110", "DELETE": "on"}),
    ):
        before = Contact.objects.get().updated_at
        values = {
            f"{prefix}-0-{name}": value for name, value in {**change, "id": row.pk, "contact": contact.pk}.items()
        }
        save(browser, contact, **{f"{prefix}-TOTAL_FORMS": 1, f"{prefix}-INITIAL_FORMS": 1}, **values)
        assert Contact.objects.get().updated_at > before
    assert contact.emails.get().label == "home"
    assert not contact.phones.exists()
