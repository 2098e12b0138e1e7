from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User

from contacts import registries
from contacts.deals import open_deal
from contacts.events import log_event
from contacts.identifiers import uuid7
from contacts.models import (
    Chat,
    Contact,
    ContactEmail,
    ContactPicture,
    DealStage,
    ExternalIdentity,
    HandEdit,
    MergeRecord,
    Tag,
)
from contacts.relations import delete_contacts
from media_store.models import PhotoJob, StoredFile
from tests.factories import make_contact, make_picture, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return make_user("alice")


def rich_contact(owner: User, name: str = "Ada Example") -> Contact:
    """Make a contact with at least one row in every relation of this app."""
    contact = make_contact(owner, name, email="ada@example.com", phone="+12025550110")
    contact.addresses.create(owner=owner, street="1 Example Way", city="Springfield")
    contact.links.create(owner=owner, kind="url", value="https://ada.example.com")
    contact.identities.create(owner=owner, source="vcard", external_id=f"urn:{name}")
    contact.tags.add(Tag.objects.get_or_create(owner=owner, name="board")[0])
    make_picture(contact)
    log_event(contact, kind="note", happened_at=datetime(2026, 3, 1, tzinfo=UTC))
    now = datetime(2026, 3, 2, tzinfo=UTC)
    open_deal(owner_id=owner.pk, name="Renewal", stage=DealStage.objects.all()[0], now=now, contacts=(contact,))
    HandEdit.objects.create(owner=owner, contact=contact, field="title", edited_at=now)
    chat = Chat.objects.create(
        owner=owner, network="Signal", account_key=uuid7(), external_id=name, kind="single", contact=contact
    )
    chat.participants.create(owner=owner, external_id=name, contact=contact)
    lost = uuid7()
    MergeRecord.objects.create(
        owner=owner, contact=contact, survivor_id=contact.pk, loser_id=lost, loser_name="A.", merged_at=now
    )
    return contact


def rows_of(contact: Contact) -> dict[str, int]:
    return {
        f"{model._meta.label}.{field}": model._default_manager.filter(**{field: contact.pk}).count()
        for model, field in ((relation.model, relation.field) for relation in registries.relations.values())
    }


def test_every_relation_is_filled_in_these_tests(owner: User) -> None:
    filled = rows_of(rich_contact(owner))
    assert filled
    empty = [label for label, number in filled.items() if label.startswith("contacts.") and not number]
    # A suggestion needs two contacts; test_merging and test_duplicates make them.
    assert empty == ["contacts.DuplicateSuggestion.first", "contacts.DuplicateSuggestion.second"]


def test_erasing_a_contact_leaves_no_row_photo_job_or_live_file(owner: User) -> None:
    contact, other = rich_contact(owner, "Ada Example"), rich_contact(owner, "Bo Example")
    files = StoredFile.objects.filter(name__in=PhotoJob.objects.filter(contact_picture__contact=contact).values("file"))
    names = list(files.values_list("name", flat=True))
    before = rows_of(other)
    assert names
    assert delete_contacts([contact.pk]) == 1
    assert not any(rows_of(contact).values())
    assert not StoredFile.objects.filter(name__in=names, deleted_at=None).exists()
    assert PhotoJob.objects.count() == 1
    assert rows_of(other) == before


def test_a_file_that_another_photo_job_still_uses_is_kept(owner: User) -> None:
    contact, other = make_contact(owner), make_contact(owner, "Bo Example")
    shared = make_picture(contact).photo_job.file.name
    twin = make_picture(other)
    PhotoJob.objects.filter(pk=twin.photo_job_id).update(file=shared)
    delete_contacts([contact.pk])
    assert StoredFile.objects.get(name=shared).deleted_at is None


def test_merging_unites_rows_and_keeps_the_survivors_twin(owner: User) -> None:
    survivor, loser = rich_contact(owner, "Ada Example"), rich_contact(owner, "A. Example")
    ContactEmail.objects.create(owner=owner, contact=loser, address="a@example.org", normalized="a@example.org")
    kept_picture = survivor.pictures.get()
    for relation in registries.relations.values():
        relation.merge([loser.pk], survivor.pk)
    assert not any(rows_of(loser).values())
    assert set(survivor.emails.values_list("normalized", flat=True)) == {"ada@example.com", "a@example.org"}
    assert survivor.phones.count() == 1
    assert survivor.tags.count() == 1
    assert ExternalIdentity.objects.filter(contact=survivor).count() == 2
    assert survivor.events.count() == 2
    assert list(ContactPicture.objects.all()) == [kept_picture]


def test_two_losers_with_the_same_address_merge_into_one_row(owner: User) -> None:
    survivor = make_contact(owner, "Ada Example")
    losers = [make_contact(owner, "A. Example", email="ada@example.com") for _ in range(2)]
    for relation in registries.relations.values():
        relation.merge([loser.pk for loser in losers], survivor.pk)
    assert survivor.emails.count() == 1
