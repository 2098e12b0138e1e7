from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
import vobject
from django.contrib.auth.models import User
from django.core.files.storage import default_storage

from contacts.exporting.writing import Export
from contacts.models import Contact, ContactAddress, ContactEmail, ContactLink, ContactPhone, ExternalIdentity
from imports.readers import Limits, ReadRow, vcard
from tests.contacts.people import make_people
from tests.factories import make_contact, make_picture

MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def card_of(contact: Contact, version: Literal["3.0", "4.0"] = "3.0") -> str:
    form: Any = f"vcard-{version}"
    return b"".join(Export(Contact.objects.filter(pk=contact.pk), form)).decode()


def lines_of(contact: Contact, version: Literal["3.0", "4.0"] = "3.0") -> list[str]:
    return card_of(contact, version).replace("\r\n ", "").split("\r\n")


def read(text: str) -> ReadRow:
    (row,) = vcard.read(io.BytesIO(text.encode()), region="US", limits=Limits())
    return row


@pytest.fixture
def contact(owner: User) -> Contact:
    return make_contact(owner, "Ada Example", given_name="Ada", family_name="Example")


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_no_line_is_longer_than_75_octets_and_no_character_is_cut(owner: User, version: Any) -> None:
    make_people(owner, 200, seed=7)
    data = b"".join(Export(Contact.objects.all(), f"vcard-{version}"))  # type: ignore[arg-type]
    lines = data.split(b"\r\n")
    assert max(map(len, lines)) == 75
    assert all(line.decode() is not None for line in lines)
    assert b"\n" not in data.replace(b"\r\n", b"")


def test_another_reader_understands_3_0(contact: Contact, owner: User) -> None:
    ContactEmail.objects.create(owner=owner, contact=contact, address="ada@example.com", label="work", is_primary=True)
    ContactAddress.objects.create(
        owner=owner, contact=contact, street="1; First, St\nFloor 2", city="Bern", label="home"
    )
    Contact.objects.filter(pk=contact.pk).update(notes="Line 1\nLine 2; with, signs \\ " + "ü" * 90)
    parsed = vobject.readOne(card_of(contact))
    assert parsed.fn.value == "Ada Example"
    assert (parsed.n.value.given, parsed.n.value.family) == ("Ada", "Example")
    assert parsed.email.value == "ada@example.com"
    assert parsed.email.type_paramlist == ["work", "pref"]
    assert (parsed.adr.value.street, parsed.adr.value.city) == ("1; First, St\nFloor 2", "Bern")
    assert parsed.note.value == "Line 1\nLine 2; with, signs \\ " + "ü" * 90


@pytest.mark.parametrize(
    ("version", "head"), [("3.0", "PHOTO;ENCODING=b;TYPE=WEBP:"), ("4.0", "PHOTO:data:image/webp;base64,")]
)
def test_the_stored_picture_is_embedded_and_read_back(contact: Contact, version: Any, head: str) -> None:
    picture = make_picture(contact)
    text = card_of(contact, version)
    assert head in text
    row = read(text)
    assert row.contact is not None
    assert row.contact.photo is not None
    with picture.photo_job.file.open() as file:
        assert row.contact.photo.content == file.read()


def test_a_picture_that_is_not_stored_yet_goes_by_its_address(contact: Contact) -> None:
    make_picture(contact, is_stored=False, source_url="https://pictures.example.com/a,b.jpg")
    assert "PHOTO;VALUE=uri:https://pictures.example.com/a,b.jpg" in lines_of(contact)


def test_a_blocked_picture_stays_here(contact: Contact) -> None:
    make_picture(contact, blocked=True, source_url="https://pictures.example.com/a.jpg")
    assert "PHOTO" not in card_of(contact)


def test_a_picture_whose_file_is_gone_costs_only_itself(contact: Contact) -> None:
    picture = make_picture(contact)
    default_storage.delete(str(picture.photo_job.file))
    assert "PHOTO" not in card_of(contact)
    assert "FN:Ada Example" in lines_of(contact)


def test_a_label_that_is_no_type_is_written_as_apple_does_in_a_group_that_is_free(
    contact: Contact, owner: User
) -> None:
    contact.extra = {"vcard": [["item1.X-FOO", {}, "kept"]]}
    contact.save()
    ContactPhone.objects.create(owner=owner, contact=contact, raw="+1 202 555 0100", label="Ferienhaus")
    lines = lines_of(contact, "4.0")
    assert "item2.TEL;PREF=1:+1 202 555 0100" in lines
    assert "item2.X-ABLabel:Ferienhaus" in lines
    assert "item1.X-FOO:kept" in lines


def test_services_are_written_as_addresses_that_phones_know(contact: Contact, owner: User) -> None:
    ContactLink.objects.create(owner=owner, contact=contact, kind="im", value="ada", label="Skype")
    assert "IMPP;X-SERVICE-TYPE=Skype:skype:ada" in lines_of(contact)


@pytest.mark.parametrize(
    ("version", "line"), [("3.0", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-03-28"), ("4.0", "BDAY:--0328")]
)
def test_a_birthday_without_a_year_keeps_it_unknown(contact: Contact, version: Any, line: str) -> None:
    Contact.objects.filter(pk=contact.pk).update(birthday="--03-28")
    assert line in lines_of(contact, version)
    row = read(card_of(contact, version))
    assert row.contact is not None
    assert row.contact.birthday == "--03-28"


def test_middle_names_and_titles_return_to_the_name_they_came_from(contact: Contact) -> None:
    contact.extra = {"vcard": [["N", {}, "Old;Names;Augusta;Dr.;\\, MSc"]]}
    contact.save()
    lines = lines_of(contact)
    assert "N:Example;Ada;Augusta;Dr.;\\, MSc" in lines
    assert sum(line.startswith("N:") for line in lines) == 1


def test_the_identity_is_the_source_card_s_and_the_revision_is_newer_after_an_edit(
    contact: Contact, owner: User
) -> None:
    ExternalIdentity.objects.create(owner=owner, contact=contact, source="vcard", external_id="uid-1", etag="rev-1")
    Contact.objects.filter(pk=contact.pk).update(created_at=MADE, updated_at=MADE)
    assert {"UID:uid-1", "REV:rev-1"} <= set(lines_of(contact))
    Contact.objects.filter(pk=contact.pk).update(updated_at=MADE.replace(day=9))
    assert {"UID:uid-1", "REV:20260109T030405Z"} <= set(lines_of(contact))


def test_without_a_source_card_the_identity_is_our_own(contact: Contact, owner: User) -> None:
    ExternalIdentity.objects.create(owner=owner, contact=contact, source="google", external_id="people/1")
    assert f"UID:urn:uuid:{contact.pk}" in lines_of(contact)


def test_a_text_that_looks_like_the_end_of_a_card_does_not_end_it(contact: Contact) -> None:
    for length in range(50, 80):
        notes = "x" * length + "\nBEGIN:VCARD " + "y" * length + " END:VCARD"
        Contact.objects.filter(pk=contact.pk).update(notes=notes)
        row = read(card_of(contact))
        assert row.contact is not None
        assert row.contact.notes == notes
        assert row.contact.external_id == f"urn:uuid:{contact.pk}"  # what stands behind the note is still the card's


def test_values_that_were_edited_into_disorder_are_written_clean(contact: Contact, owner: User) -> None:
    Contact.objects.filter(pk=contact.pk).update(title=" Chief\r\nOfficer\u202e ", notes="a\r\nb")
    lines = lines_of(contact)
    assert "TITLE:Chief Officer" in lines
    assert "NOTE:a\\nb" in lines
