"""Erasing: everything of one person and at once, nothing of anybody else, and a ledger that remembers ids alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.utils import DatabaseError

from config import erasures
from config.audit import AuditEvent
from config.erasures import Erasure
from contacts import erasing
from contacts.erasing import erase_contacts, holdings, known_ids, stored_files
from contacts.merging import Pair, forget_merges, merge
from contacts.models import Contact, MergeRecord, Organization, Tag
from contacts.relations import delete_contacts
from media_store import erasing as media
from media_store.collecting import LOCK, collect
from media_store.models import Blob, PhotoJob, StoredFile
from tests import database
from tests.contacts.test_relations import rich_contact, rows_of
from tests.factories import make_contact, make_picture

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, settings: Any) -> Path:
    settings.ERASURE_LEDGER = tmp_path / "ledgers" / "erasures.jsonl"
    return Path(settings.ERASURE_LEDGER)


def test_the_numbers_are_said_before_and_are_what_goes(owner: User) -> None:
    contact = rich_contact(owner)
    said = holdings([contact.pk])
    assert said["e-mail addresses"] == said["pictures"] == said["merges"] == said["tags on the contact"] == 1
    assert stored_files([contact.pk]).files == 1
    report = erase_contacts([contact.pk], now=NOW)
    assert (report.contacts, report.rows, report.freed.files) == (1, said, 1)
    assert (holdings([contact.pk]), known_ids([contact.pk])) == ({}, set())


def test_nothing_of_anybody_else_goes(owner: User, other_owner: User) -> None:
    contact = rich_contact(owner, "Ada Example")
    others = [rich_contact(owner, "Bo Example"), rich_contact(other_owner, "Ada Example")]
    before = [rows_of(other) for other in others]
    erase_contacts([contact.pk], now=NOW)
    assert [rows_of(other) for other in others] == before
    for other in others:
        assert other.pictures.get().photo_job.file.read()
    assert Tag.objects.filter(owner=owner, name="board").exists()


def test_the_bytes_go_at_once_but_for_those_that_somebody_else_has_too(owner: User) -> None:
    ada, bo = make_contact(owner, "Ada Example"), make_contact(owner, "Bo Example")
    alone, shared = make_picture(ada).photo_job, make_picture(ada, source="vcard").photo_job
    twin = make_picture(bo).photo_job
    PhotoJob.objects.filter(pk=twin.pk).update(file=shared.file.name)
    same_content = default_storage.save("o99/photos/other.webp", ContentFile(alone.file.read()))
    erase_contacts([ada.pk], now=NOW)
    assert not StoredFile.objects.filter(name=alone.file.name).exists()
    assert StoredFile.objects.get(name=shared.file.name).deleted_at is None
    assert default_storage.open(same_content).read()
    twin.refresh_from_db()
    assert twin.file.read()


def test_a_picture_that_was_replaced_yesterday_goes_too(owner: User) -> None:
    contact = make_contact(owner)
    job = make_picture(contact).photo_job
    old = StoredFile.objects.get(name=job.file.name)
    default_storage.delete(old.name)
    PhotoJob.objects.filter(pk=job.pk).update(file="")
    erase_contacts([contact.pk], now=NOW)
    assert not StoredFile.objects.filter(pk=old.pk).exists()
    assert not Blob.objects.filter(pk=old.blob_id).exists()


def test_what_only_this_person_had_goes_and_what_was_filled_in_stays(owner: User) -> None:
    plain = Organization.objects.create(owner=owner, name="Ada Example Ltd")
    filled = Organization.objects.create(owner=owner, name="Example Works", domain="example.com")
    shared = Organization.objects.create(owner=owner, name="Example & Sons")
    ada = make_contact(owner, organization=plain)
    bo = make_contact(owner, "Bo Example", organization=filled)
    cy, _ = (make_contact(owner, name, organization=shared) for name in ("Cy Example", "Di Example"))
    ada.tags.add(Tag.objects.create(owner=owner, name="only Ada"))
    Tag.objects.create(owner=owner, name="nobody yet")
    erase_contacts([ada.pk, bo.pk, cy.pk], now=NOW)
    assert set(Organization.objects.all()) == {filled, shared}
    assert list(Tag.objects.values_list("name", flat=True)) == ["nobody yet"]


def test_the_ledger_and_the_journal_hold_ids_alone(owner: User, ledger: Path) -> None:
    contact = make_contact(owner, "Ada Example", email="ada@example.com")
    erase_contacts([contact.pk], now=NOW)
    (entry,) = erasures.read_file(ledger)
    assert entry == erasures.Entry(contact.pk, owner.pk, NOW)
    assert "ada" not in ledger.read_text().casefold()
    assert ledger.stat().st_mode & 0o777 == 0o600
    event = AuditEvent.objects.get()
    assert (event.verb, event.object_id, event.fields) == ("erased", str(contact.pk), [])


def test_the_ledger_cannot_be_changed(owner: User) -> None:
    erase_contacts([make_contact(owner).pk], now=NOW)
    for change in (lambda: Erasure.objects.update(owner_id=0), lambda: Erasure.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_a_deletion_is_no_erasure(owner: User, ledger: Path) -> None:
    contact = rich_contact(owner)
    delete_contacts([contact.pk])
    assert not Erasure.objects.exists()
    assert not ledger.exists()
    assert AuditEvent.objects.get().verb == "deleted"
    assert StoredFile.objects.filter(deleted_at__isnull=False).count() == 1


def test_those_who_were_merged_into_a_person_are_on_the_ledger_even_years_later(owner: User, ledger: Path) -> None:
    ada, early, late = (make_contact(owner, name) for name in ("Ada Example", "A. Example", "Addie Example"))
    merge(Pair(early.pk, late.pk), owner_id=owner.pk, now=NOW - timedelta(days=900))
    merge(Pair(ada.pk, early.pk), owner_id=owner.pk, now=NOW - timedelta(days=800))
    assert forget_merges(now=NOW) == 2
    assert forget_merges(now=NOW) == 0
    assert set(MergeRecord.objects.values_list("loser_name", "contact")) == {("", ada.pk)}
    erase_contacts([ada.pk], now=NOW)
    assert {entry.contact_id for entry in erasures.read_file(ledger)} == {ada.pk, early.pk, late.pk}
    assert not MergeRecord.objects.exists()


def test_a_ledger_that_cannot_be_written_is_reported_and_caught_up_with(owner: User, ledger: Path) -> None:
    ledger.parent.mkdir()
    ledger.write_text("not a ledger\n")
    first, second = make_contact(owner), make_contact(owner, "Bo Example")
    report = erase_contacts([first.pk], now=NOW)
    assert "is not an erasure ledger: line 1" in report.problems[0]
    assert not Contact.objects.filter(pk=first.pk).exists()
    # What a writer that was killed has left is written anew.
    ledger.write_text('{"contact": "01')
    assert erase_contacts([second.pk], now=NOW).problems == []
    assert {entry.contact_id for entry in erasures.read_file(ledger)} == {first.pk, second.pk}


@pytest.mark.django_db(transaction=True)
def test_bytes_that_cannot_go_now_go_with_the_next_collector_without_a_grace(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact = make_contact(owner)
    make_picture(contact)
    monkeypatch.setattr(media, "PATIENCE", 0)
    with psycopg.connect(database.url(), autocommit=True) as collector:
        assert collector.execute(LOCK).fetchone() == (True,)
        report = erase_contacts([contact.pk], now=NOW)
    assert "nightly clean-up tries again" in report.problems[0]
    assert StoredFile.objects.filter(deleted_at__isnull=False).count() == 1
    assert collect(now=NOW).freed.files == 1


def test_many_people_go_in_batches_that_do_not_cost_more_each(
    owner: User, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(erasing, "AT_ONCE", 5)
    ids = [make_contact(owner, f"Person {n}", email=f"p{n}@example.com").pk for n in range(12)]
    assert erase_contacts(ids, now=NOW).contacts == 12
    assert not Contact.objects.exists()
    assert Erasure.objects.count() == AuditEvent.objects.count() == 12
