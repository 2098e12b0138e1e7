"""The audit journal: who did what, never changed, without values."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
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
from tests.imports.builders import card, start

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


def test_a_request_names_who_exported_and_deleted(client: Client) -> None:
    member = make_member("carol")
    client.force_login(member)
    contact = make_contact(member)
    url = reverse("admin:contacts_contact_changelist")
    response = client.post(url, {"action": "export_csv", "_selected_action": str(contact.pk), "index": 0})
    b"".join(response.streaming_content)  # type: ignore[attr-defined]
    client.post(reverse("admin:contacts_contact_delete", args=[contact.pk]), {"post": "yes"})
    events = AuditEvent.objects.order_by("pk").values_list("verb", "actor_name", "owner_id")
    assert list(events) == [("exported", "carol", member.pk), ("deleted", "carol", member.pk)]


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


def test_exports_imports_and_undoings_by_command_name_the_command(owner: User, tmp_path: Path) -> None:
    make_contact(owner, "Ada Example")
    call_command("export_contacts", "--format=csv", f"--output={tmp_path / 'people.csv'}", stdout=StringIO())
    (tmp_path / "people.vcf").write_text("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bo Example\r\nEND:VCARD\r\n")
    call_command("import_contacts", str(tmp_path / "people.vcf"), "--owner=alice", stdout=StringIO())
    job = ImportJob.objects.get()
    call_command("undo_import", str(job.pk), stdout=StringIO())
    fields = ("verb", "actor_id", "actor_name", "owner_id", "object_type", "object_id", "number")
    assert list(AuditEvent.objects.order_by("pk").values_list(*fields)) == [
        ("exported", None, "command export_contacts", owner.pk, "contacts.contact", "", 1),
        ("confirmed", None, "command import_contacts", owner.pk, "imports.importjob", str(job.pk), 1),
        ("undone", None, "command undo_import", owner.pk, "imports.importjob", str(job.pk), 1),
    ]


def test_an_import_without_a_preview_is_confirmed_by_whoever_starts_it(owner: User) -> None:
    with audit.acting(lambda: owner):
        start(owner, card("Ada Example"), has_preview=False)
        start(owner, card("Bo Example"), has_preview=True)
    assert list(AuditEvent.objects.values_list("verb", "actor_name")) == [("confirmed", "alice")]


def test_the_journal_is_searched_by_verb_and_nobody_writes_in_it(admin_client: Client, owner: User) -> None:
    for verb in (Verb.ERASED, Verb.CONNECTED, Verb.DISCONNECTED):
        audit.record(verb, Contact, owner_id=owner.pk, object_id=f"of-{verb}")
    url = reverse("admin:config_auditevent_changelist")
    page = admin_client.get(url, {"verb__exact": "erased"}).content.decode()
    assert "of-erased" in page
    assert "of-connected" not in page
    event = AuditEvent.objects.get(verb="erased")
    assert admin_client.get(reverse("admin:config_auditevent_add")).status_code == 403
    change, delete = (reverse(f"admin:config_auditevent_{verb}", args=[event.pk]) for verb in ("change", "delete"))
    assert admin_client.post(change, {"verb": "undone"}).status_code == 403
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    assert AuditEvent.objects.filter(verb="erased").exists()
