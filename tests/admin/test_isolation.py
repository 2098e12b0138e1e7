"""Nobody sees, changes or points at what belongs to somebody else, on any page of the admin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote as quote_pk
from django.contrib.auth.models import User
from django.core import serializers
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts.models import Contact, DuplicateScan, Organization, Tag, UserProfile
from health.models import HealthRun, MessageTemplate
from imports.models import ImportJob, ImportRow
from tests.admin.rows import MAKERS, OWNED, make_member

SECRET = "xq7secret"
LABELS = ("contacts", "imports", "media_store", "health")
# What a visit of one's own writes: the time of the last comparison, the usual texts, a refresh.
WRITTEN_BY_VISITS = (DuplicateScan, MessageTemplate, HealthRun)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_member("alice")


@pytest.fixture
def as_bob(client: Client) -> Client:
    bob = make_member("bob")
    UserProfile.objects.create(user=bob, last_seen_at=timezone.now())
    client.force_login(bob)
    return client


def urls_of(model: type[models.Model], pk: Any) -> Iterator[str]:
    """Give the address of every page of this model's admin, those of one row with `pk`."""
    key = quote(str(quote_pk(pk)))
    base = reverse("admin:index") + f"{model._meta.app_label}/{model._meta.model_name}/"
    for pattern in admin.site._registry[model].get_urls():
        route = str(pattern.pattern)
        names = set(pattern.pattern.converters)
        if not pattern.name:
            continue
        path = route
        for name in names:
            path = path.replace(f"<path:{name}>", key).replace(f"<{name}>", key)
        assert "<" not in path, route
        yield base + path.lstrip("^").rstrip("$")


def snapshot() -> str:
    rows = [
        row
        for label in LABELS
        for model in apps.get_app_config(label).get_models()
        if model not in WRITTEN_BY_VISITS
        for row in model._default_manager.order_by("pk")
    ]
    return str(serializers.serialize("json", rows))


def test_every_registered_model_has_rows_to_test_with() -> None:
    assert set(MAKERS) == set(admin.site._registry)


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label)
def test_no_page_shows_or_changes_foreign_rows(model: type[models.Model], alice: User, as_bob: Client) -> None:
    row = MAKERS[model](alice, SECRET)
    before = snapshot()

    for url in urls_of(model, row.pk):
        for response in (as_bob.get(url), as_bob.post(url, {"post": "yes", "verb": "cancel", "scope": "none"})):
            is_of_row = quote(str(quote_pk(row.pk))) in url.split("/")
            assert response.status_code in ((403, 404, 405) if is_of_row else (200, 302, 403, 404, 405)), url
            assert SECRET not in body_of(response), url

    assert snapshot() == before


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label)
def test_searches_and_filters_find_no_foreign_rows(model: type[models.Model], alice: User, as_bob: Client) -> None:
    MAKERS[model](alice, SECRET)
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for name in ("organization__id__exact", "tags__id__exact", "owner__id__exact", "owner__username", "state__exact"):
        for value in (*map(str, Organization.objects.values_list("pk", flat=True)), "alice"):
            assert SECRET not in body_of(as_bob.get(url, {name: value}))
    assert SECRET not in body_of(as_bob.get(url, {"q": SECRET[:-2]}))


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label)
def test_actions_leave_foreign_rows_alone(model: type[models.Model], alice: User, as_bob: Client) -> None:
    row = MAKERS[model](alice, SECRET)
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    before = snapshot()
    for action in ["delete_selected", *(admin.site._registry[model].actions or [])]:
        data = {"action": action, "_selected_action": row.pk, "index": 0, "post": "yes", "select_across": 1}
        assert SECRET not in body_of(as_bob.post(url, data, follow=True))
    assert snapshot() == before


def test_autocompletes_offer_no_foreign_rows(alice: User, as_bob: Client) -> None:
    MAKERS[Contact](alice, SECRET)
    asked = 0
    for model, model_admin in admin.site._registry.items():
        for field in model_admin.autocomplete_fields:
            app_label, model_name = model._meta.app_label, str(model._meta.model_name)
            query = {"term": "", "app_label": app_label, "model_name": model_name, "field_name": field}
            response = as_bob.get(reverse("admin:autocomplete"), query)
            assert response.status_code == 200
            assert json.loads(response.content)["results"] == []
            asked += 1
    assert asked >= 2


def test_a_form_accepts_no_foreign_organization_or_tag(alice: User, as_bob: Client) -> None:
    foreign = MAKERS[Contact](alice, SECRET)
    data = {**empty_formsets(), "display_name": "Mine", "organization": foreign.organization_id}
    response = as_bob.post(reverse("admin:contacts_contact_add"), data)
    assert response.status_code == 200
    assert SECRET not in body_of(response)

    data = {**empty_formsets(), "display_name": "Mine", "tags": [Tag.objects.get().pk]}
    assert as_bob.post(reverse("admin:contacts_contact_add"), data).status_code == 200
    assert not Contact.objects.filter(display_name="Mine").exists()


def test_an_inline_row_of_somebody_else_cannot_be_edited(alice: User, as_bob: Client) -> None:
    foreign = MAKERS[Contact](alice, SECRET).emails.get()
    mine = Contact.objects.create(owner=User.objects.get(username="bob"), display_name="Mine", sort_name="mine")
    data = {
        **empty_formsets(),
        "display_name": "Mine",
        "emails-TOTAL_FORMS": 1,
        "emails-INITIAL_FORMS": 1,
        "emails-0-id": foreign.pk,
        "emails-0-contact": mine.pk,
        "emails-0-address": "taken@example.com",
    }
    as_bob.post(reverse("admin:contacts_contact_change", args=[mine.pk]), data)
    foreign.refresh_from_db()
    assert foreign.address == SECRET


def test_a_superuser_cannot_mix_two_owners_rows(alice: User, admin_client: Client) -> None:
    contact = MAKERS[Contact](alice, "Hers")
    bob = make_member("bob")
    foreign = Organization.objects.create(owner=bob, name="His")
    data = {**empty_formsets(), "display_name": "Hers", "organization": foreign.pk}
    response = admin_client.post(reverse("admin:contacts_contact_change", args=[contact.pk]), data)
    assert "This belongs to another user." in body_of(response)
    contact.refresh_from_db()
    assert contact.organization_id != foreign.pk


def test_a_new_row_belongs_to_who_adds_it(as_bob: Client) -> None:
    data = {**empty_formsets(), "display_name": "Ada Example", "emails-TOTAL_FORMS": 1}
    data["emails-0-address"] = "ada@example.com"
    as_bob.post(reverse("admin:contacts_contact_add"), data)
    contact = Contact.objects.get()
    assert contact.owner.username == contact.emails.get().owner.username == "bob"


def test_rows_of_an_import_cannot_be_selected_through_another_import(alice: User, as_bob: Client) -> None:
    foreign = MAKERS[ImportJob](alice, SECRET).rows.get(position=1)
    mine = ImportJob.objects.create(owner=User.objects.get(username="bob"), provider="csv", state="ready")
    data = {"shown": [foreign.pk], "selected": []}
    as_bob.post(reverse("admin:imports_importjob_rows", args=[mine.pk]), data)
    assert ImportRow.objects.get(pk=foreign.pk).selected


def empty_formsets() -> dict[str, Any]:
    """Return the management fields of a contact form without inline rows."""
    prefixes = ("emails", "phones", "addresses", "links", "events", "pictures", "identities")
    return {f"{prefix}-{part}": 0 for prefix in prefixes for part in ("TOTAL_FORMS", "INITIAL_FORMS")}


def body_of(response: Any) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return str(content.decode())
