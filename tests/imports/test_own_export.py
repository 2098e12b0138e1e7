"""What was exported from a hub comes back to the same contacts, also those whom nothing else identifies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from contacts.exporting.writing import Export, Form
from contacts.merging import Pair, merge
from contacts.models import Contact
from imports.models import ImportJob, ImportRow
from tests.contacts.people import make_people
from tests.factories import make_contact, make_picture
from tests.imports.builders import card, cards, counts, import_file, plan_file, reasons

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
FORMS: list[Form] = ["vcard-3.0", "vcard-4.0", "csv"]


def exported(owner: User, form: Form = "vcard-4.0") -> bytes:
    return b"".join(Export(Contact.objects.filter(owner=owner), form))


def import_export(owner: User, content: bytes, form: Form = "vcard-4.0") -> ImportJob:
    return import_file(owner, content, "people.csv" if form == "csv" else "people.vcf")


@pytest.mark.parametrize("form", FORMS)
def test_nobody_is_there_twice(owner: User, form: Form) -> None:
    name: dict[str, Any] = {"given_name": "Ada", "family_name": "Example", "sort_name": "example ada"}
    make_contact(owner, "Ada Example", title="Engineer", **name)
    make_contact(owner, "Ada Example", notes="Another one of the same name.", **name)
    make_picture(make_contact(owner, "Ada Example", **name))
    job = import_export(owner, exported(owner, form), form)
    assert counts(job) == {"unchanged": 3}
    assert set(ImportRow.objects.values_list("reason", flat=True)) == {"kith_id"}


@pytest.mark.parametrize("form", FORMS)
def test_hostile_people_come_back_to_themselves(owner: User, form: Form) -> None:
    people = make_people(owner, 300, seed=5)
    job = import_export(owner, exported(owner, form), form)
    assert job.created == job.failed == job.invalid == 0
    assert Contact.objects.filter(owner=owner).count() == len(people)


def test_what_was_changed_in_the_file_is_written_to_the_contact(owner: User) -> None:
    contact = make_contact(owner, "Ada Example")
    job = import_export(owner, exported(owner).replace(b"END:VCARD", b"TITLE:Countess\r\nEND:VCARD"))
    assert counts(job) == {"updated": 1}
    contact.refresh_from_db()
    assert contact.title == "Countess"
    assert not contact.identities.exists()


def test_another_owner_gets_contacts_of_their_own(owner: User, other_owner: User) -> None:
    make_contact(owner, "Ada Example")
    assert counts(import_export(other_owner, exported(owner))) == {"created": 1}
    assert Contact.objects.filter(owner=owner).count() == Contact.objects.filter(owner=other_owner).count() == 1


def test_whoever_was_merged_since_comes_back_to_the_survivor(owner: User) -> None:
    survivor, loser = make_contact(owner, "Ada Example"), make_contact(owner, "Countess Lovelace")
    content = exported(owner)
    merge(Pair(survivor.pk, loser.pk), owner_id=owner.pk, now=NOW)
    job = import_export(owner, content)
    assert job.created == 0
    assert set(job.rows.exclude(decision="skip").values_list("contact_id", flat=True)) == {survivor.pk}


def test_whoever_was_deleted_since_is_new(owner: User) -> None:
    make_contact(owner, "Ada Example")
    content = exported(owner)
    Contact.objects.all().delete()
    assert counts(import_export(owner, content)) == {"created": 1}
    assert counts(import_export(owner, content)) == {"unchanged": 1}


def test_the_id_is_stronger_than_an_identity(owner: User) -> None:
    import_file(owner, card("Ben Example", uid="urn:uuid:00000000-0000-7000-8000-000000000001"))
    contact = Contact.objects.create(
        owner=owner, id=UUID("00000000-0000-7000-8000-000000000001"), display_name="Ada", sort_name="ada"
    )
    job = plan_file(owner, cards(card("Ada", uid=f"urn:uuid:{contact.pk}", lines=["TITLE:Countess"])))
    assert reasons(job) == [("update", "conflict")]
    assert job.rows.get().contact_id == contact.pk


def test_ids_that_only_look_like_ours_are_those_of_other_programs(owner: User) -> None:
    contact = make_contact(owner, "Ada Example")
    job = plan_file(owner, cards(card("Ada Example", uid=str(contact.pk)), card("B", uid="urn:uuid:not-one")))
    assert reasons(job) == [("create", "new"), ("create", "new")]
