"""Lists cost the same for one row and for a page full, and not more than they should."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config.audit import AuditEvent
from config.notices.models import Notice
from contacts.models import Chat, Contact, Deal, DuplicateSuggestion, MergeRecord, Organization, Tag, UserProfile
from health.models import Alert, DealHealth, HealthRun, RelationshipHealth, Reminder
from imports.models import ImportJob, SyncRun
from media_store.models import PhotoJob
from tests.admin.rows import MAKERS, make_member
from tests.factories import make_contact, make_picture

MOST_QUERIES = 15
LISTED = [
    Chat,
    Contact,
    Organization,
    Tag,
    ImportJob,
    SyncRun,
    PhotoJob,
    DuplicateSuggestion,
    MergeRecord,
    AuditEvent,
    Notice,
    RelationshipHealth,
    DealHealth,
    Deal,
    Alert,
    Reminder,
    HealthRun,
]
PAGE = 25

pytestmark = pytest.mark.django_db


def list_of(client: Client, model: type[models.Model], **query: str) -> Any:
    return client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"), query)


def queries_of(client: Client, model: type[models.Model]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert list_of(client, model).status_code == 200
    return len(queries)


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model.__name__)
def test_a_full_page_needs_no_more_queries_than_one_row(model: type[models.Model], client: Client) -> None:
    member = make_member("alice")
    client.force_login(member)
    MAKERS[model](member, "first")
    queries_of(client, model)
    for number in range(2):
        MAKERS[model](member, f"row {number}")
    few = queries_of(client, model)
    for number in range(2, PAGE + 5):
        MAKERS[model](member, f"row {number}")

    assert queries_of(client, model) <= few <= MOST_QUERIES


def test_the_page_of_contacts_is_small(client: Client, owner: User) -> None:
    member = make_member("carol")
    client.force_login(member)
    for number in range(PAGE + 5):
        contact = make_contact(
            member, f"Person {number}", email=f"p{number}@example.com", phone=f"+120255501{number:02}"
        )
        make_picture(contact)
    page = list_of(client, Contact).content
    assert page.count(b'class="data-row') == PAGE
    assert len(gzip.compress(page, 6)) <= 30_000


def test_a_stored_picture_is_loaded_lazily_and_initials_need_no_request(client: Client) -> None:
    member = make_member("carol")
    client.force_login(member)
    with_picture, without = make_contact(member, "Ada Example"), make_contact(member, "Grace Example")
    make_picture(with_picture)
    page = list_of(client, Contact).content.decode()
    assert f'src="/images/contacts/{with_picture.pk}/avatar?v=' in page
    assert 'loading="lazy"' in page
    assert f"/images/contacts/{without.pk}/" not in page
    assert ">GE</text>" in page


def test_counting_stops_at_a_limit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.owned_admin.COUNTED_AT_MOST", 30)
    member = make_member("carol")
    client.force_login(member)
    Contact.objects.bulk_create([Contact(owner=member, display_name=f"P{n}", sort_name=f"p{n}") for n in range(40)])
    response = list_of(client, Contact)
    assert response.context["cl"].result_count == 30
    assert "30 or more" in response.content.decode()


def test_archived_contacts_are_shown_only_when_asked_for(client: Client) -> None:
    member = make_member("carol")
    client.force_login(member)
    kept, archived = make_contact(member, "Kept Example"), make_contact(member, "Gone Example")
    url = reverse("admin:contacts_contact_changelist")
    client.post(url, {"action": "archive", "_selected_action": str(archived.pk), "index": 0})
    assert list(list_of(client, Contact).context["cl"].result_list) == [kept]
    assert list(list_of(client, Contact, archived="yes").context["cl"].result_list) == [archived]
    assert len(list_of(client, Contact, archived="all").context["cl"].result_list) == 2


@pytest.mark.parametrize("value", ["{tag}", "{other}", "{tag}0000000000000000000000", "friends", "\u0661x"])
def test_contacts_are_found_by_their_tag_alone(client: Client, value: str) -> None:
    member = make_member("carol")
    client.force_login(member)
    friend, stranger = make_contact(member, "Friend Example"), make_contact(member, "Other Example")
    tag, other = (Tag.objects.create(owner=member, name=name) for name in ("friends", "others"))
    friend.tags.set([tag, other])
    stranger.tags.set([other])
    asked = value.format(tag=tag.pk, other=other.pk)
    found = list_of(client, Contact, tags__id__exact=asked).context["cl"]
    assert list(found.result_list) == {str(tag.pk): [friend], str(other.pk): [friend, stranger]}.get(asked, [])


def test_a_member_is_led_to_their_own_profile(client: Client) -> None:
    member = make_member("carol")
    client.force_login(member)
    response = list_of(client, UserProfile)
    assert response.headers["Location"] == reverse("admin:contacts_userprofile_change", args=[member.pk])
    client.post(response.headers["Location"], {"time_zone": "Europe/Berlin", "phone_region": "de"})
    profile = UserProfile.objects.get(user=member)
    assert (profile.time_zone, profile.phone_region) == ("Europe/Berlin", "DE")


def test_a_member_has_no_way_into_the_machinery(client: Client) -> None:
    client.force_login(make_member("carol"))
    home = client.get(reverse("admin:index")).content.decode()
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label in ("auth", "django_q", "config") and model not in (AuditEvent, Notice):
            assert list_of(client, model).status_code == 403
            assert f"/admin/{model._meta.app_label}/{model._meta.model_name}/" not in home, model_admin
