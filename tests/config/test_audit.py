"""The audit journal: who did what, never changed, without values."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.urls import reverse

from config import audit
from config.audit import AuditEvent, Verb
from contacts.models import Contact
from imports import lifecycle
from imports.models import ImportJob
from tests.admin.rows import make_member
from tests.factories import make_contact

pytestmark = pytest.mark.django_db


def test_the_database_refuses_to_change_or_delete_an_event(owner: User) -> None:
    audit.record(Verb.MERGED, Contact, owner_id=owner.pk, fields={"title", "notes"})
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.update(verb=Verb.UNDONE)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.all().delete()
    event = AuditEvent.objects.get()
    assert (event.verb, event.fields, event.actor_id) == ("merged", ["notes", "title"], None)


def test_an_event_outlives_its_actor(owner: User) -> None:
    with audit.acting(lambda: owner):
        audit.record(Verb.ERASED, Contact, owner_id=owner.pk)
    audit.record(Verb.ERASED, Contact, owner_id=owner.pk)
    pk = owner.pk
    owner.delete()
    assert list(AuditEvent.objects.order_by("pk").values_list("actor_id", "actor_name")) == [(pk, "alice"), (None, "")]


def test_a_request_names_who_erased_and_exported(client: Client) -> None:
    member = make_member("carol")
    client.force_login(member)
    contact = make_contact(member)
    url = reverse("admin:contacts_contact_changelist")
    response = client.post(url, {"action": "export_csv", "_selected_action": str(contact.pk), "index": 0})
    b"".join(response.streaming_content)  # type: ignore[attr-defined]
    client.post(reverse("admin:contacts_contact_delete", args=[contact.pk]), {"post": "yes"})
    events = AuditEvent.objects.order_by("pk").values_list("verb", "actor_name", "owner_id")
    assert list(events) == [("exported", "carol", member.pk), ("erased", "carol", member.pk)]


def test_confirming_an_import_is_an_event(owner: User) -> None:
    job = ImportJob.objects.create(owner=owner, provider="csv", state="ready", total=0)
    lifecycle.confirm(job)
    event = AuditEvent.objects.get()
    assert (event.verb, event.object_type, event.object_id) == ("confirmed", "imports.importjob", str(job.pk))


def test_members_read_what_was_done_with_their_own_rows(client: Client, other_owner: User) -> None:
    member = make_member("carol")
    for person in (member, other_owner):
        audit.record(Verb.MERGED, Contact, owner_id=person.pk, object_id=f"of-{person.username}")
    client.force_login(member)
    page = client.get(reverse("admin:config_auditevent_changelist")).content.decode()
    assert "of-carol" in page
    assert "of-bob" not in page
