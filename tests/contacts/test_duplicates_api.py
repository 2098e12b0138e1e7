from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from config.audit import AuditEvent
from contacts.models import Contact, DuplicateSuggestion, MergeRecord
from tests.factories import make_contact, make_user

pytestmark = pytest.mark.django_db

ROOT = "/api/v1/contacts"


@pytest.fixture
def web(client: Client, owner: User) -> Client:
    owner.user_permissions.add(Permission.objects.get(codename="change_contact"))
    client.force_login(owner)
    return client


def suggest(owner: User, *names: str, **fields: Any) -> DuplicateSuggestion:
    first, second = (make_contact(owner, name) for name in names or ("Ada Example", "Ada Lovelace"))
    Contact.objects.filter(pk=second.pk).update(title="Countess", notes="Two")
    Contact.objects.filter(pk=first.pk).update(title="Engineer", notes="One")
    values = {"reasons": ["email"], "strength": 70, **fields}
    return DuplicateSuggestion.objects.create(owner=owner, first=first, second=second, **values)


def post(web: Client, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    answer = web.post(f"{ROOT}/{path}", body or {}, content_type="application/json")
    return answer.status_code, answer.json()


def test_the_queue_lists_the_surest_first_and_only_ones_own(web: Client, owner: User, other_owner: User) -> None:
    weak, sure = suggest(owner, strength=50), suggest(owner, strength=100)
    suggest(other_owner)
    body = web.get(f"{ROOT}/duplicates").json()
    assert (body["total"], [item["id"] for item in body["items"]]) == (2, [sure.pk, weak.pk])
    assert body["items"][0]["first_name"] == "Ada Example"
    assert web.get(f"{ROOT}/duplicates?state=dismissed").json()["total"] == 0


def test_a_pair_is_merged_as_chosen_and_parted_again(web: Client, owner: User) -> None:
    suggestion = suggest(owner)
    choice = {"stays": "second", "take": ["title"], "notes_of_both": True}
    status, body = post(web, f"duplicates/{suggestion.pk}/merge", choice)
    assert (status, body["contact_id"]) == (200, str(suggestion.second_id))
    survivor = Contact.objects.get()
    assert (survivor.display_name, survivor.title, survivor.notes) == ("Ada Lovelace", "Engineer", "Two\n\nOne")
    assert AuditEvent.objects.get().actor_id == owner.pk
    status, body = post(web, f"merges/{body['merge_id']}/undo")
    assert (status, set(body["contact_ids"])) == (200, {str(suggestion.first_id), str(suggestion.second_id)})
    assert Contact.objects.count() == 2
    status, body = post(web, f"merges/{MergeRecord.objects.get().pk}/undo")
    assert (status, body["code"]) == (409, "not_allowed")


def test_without_a_choice_the_first_stays_and_keeps_its_values(web: Client, owner: User) -> None:
    suggestion = suggest(owner)
    assert post(web, f"duplicates/{suggestion.pk}/merge")[0] == 200
    survivor = Contact.objects.get()
    assert (survivor.pk, survivor.title, survivor.notes) == (suggestion.first_id, "Engineer", "One\n\nTwo")


def test_a_dismissed_pair_leaves_the_queue(web: Client, owner: User) -> None:
    suggestion = suggest(owner)
    status, body = post(web, f"duplicates/{suggestion.pk}/dismiss")
    assert (status, body["state"]) == (200, "dismissed")
    assert web.get(f"{ROOT}/duplicates").json()["total"] == 0
    assert Contact.objects.count() == 2


@pytest.mark.parametrize("body", [{"take": ["id"]}, {"take": "title"}, {"stays": "both"}])
def test_what_is_no_choice_is_refused(web: Client, owner: User, body: dict[str, Any]) -> None:
    status, answer = post(web, f"duplicates/{suggest(owner).pk}/merge", body)
    assert (status, answer["code"]) == (422, "invalid_request")
    assert Contact.objects.count() == 2


@pytest.mark.parametrize("verb", ["merge", "dismiss"])
def test_pairs_of_others_are_not_there(web: Client, other_owner: User, verb: str) -> None:
    suggestion = suggest(other_owner)
    assert post(web, f"duplicates/{suggestion.pk}/{verb}")[0] == 404
    suggestion.refresh_from_db()
    assert suggestion.state == "open"
    assert Contact.objects.count() == 2


def test_merges_of_others_are_not_there(web: Client, other_owner: User) -> None:
    suggestion = suggest(other_owner)
    other = Client()
    other_owner.user_permissions.add(Permission.objects.get(codename="change_contact"))
    other.force_login(other_owner)
    merge_id = post(other, f"duplicates/{suggestion.pk}/merge")[1]["merge_id"]
    assert post(web, f"merges/{merge_id}/undo")[0] == 404
    assert Contact.objects.count() == 1


def test_strangers_and_those_without_the_right_change_nothing(client: Client, owner: User) -> None:
    suggestion = suggest(owner)
    assert post(client, f"duplicates/{suggestion.pk}/merge")[0] == 401
    client.force_login(owner)
    assert post(client, f"duplicates/{suggestion.pk}/merge")[1]["code"] == "forbidden"
    assert Contact.objects.count() == 2


def test_the_address_is_in_the_documentation(client: Client) -> None:
    client.force_login(make_user("boss", is_superuser=True))
    paths = client.get("/api/openapi.json").json()["paths"]
    assert "/api/v1/contacts/duplicates/{suggestion_id}/merge" in paths
    assert "/api/v1/contacts/duplicates/{suggestion_id}/dismiss" in paths
