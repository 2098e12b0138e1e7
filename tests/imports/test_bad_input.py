"""Files as strangers send them, from the upload to the contacts."""

from __future__ import annotations

import base64
import hashlib

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages

from contacts.models import Contact, ContactLink
from imports.models import ImportJob
from media_store.models import PhotoJob
from tests.imports.builders import adds_up, card, cards, counts, import_file, reasons, run, start, the_contact

pytestmark = pytest.mark.django_db

GOOGLE = "First Name,Last Name,Organization Name,Notes,Website 1 - Value,E-mail 1 - Label,E-mail 1 - Value\r\n"


def test_a_picture_of_no_bytes_is_no_picture(owner: User) -> None:
    job = import_file(owner, card("Ada", uid="u1", lines=["PHOTO;ENCODING=b;TYPE=JPEG:"]))
    assert (counts(job), job.photos_queued) == ({"created": 1}, 0)


def test_broken_base64_costs_the_picture_not_the_person(owner: User) -> None:
    job = import_file(owner, card("Ada", uid="u1", lines=["PHOTO;ENCODING=b;TYPE=JPEG:!!!not base64!!!"]))
    assert (counts(job), job.photos_queued) == ({"created": 1}, 0)
    assert job.rows.get().parsed["problems"]


def test_a_card_without_end_costs_itself_alone(owner: User) -> None:
    broken = card("Ben", uid="u2").replace("END:VCARD\r\n", "")
    job = import_file(owner, cards(card("Ada", uid="u1"), broken, card("Cy", uid="u3")))
    assert counts(job) == {"created": 2, "invalid": 1}
    assert ("invalid", "broken_card") in reasons(job)


def test_a_thousand_nested_cards_are_one_broken_entry_or_a_few(owner: User) -> None:
    nested = "BEGIN:VCARD\r\n" * 1_000 + "FN:Deep\r\n" + "END:VCARD\r\n" * 1_000
    job = import_file(owner, cards(card("Ada", uid="u1"), nested, card("Cy", uid="u3")))
    assert job.state == ImportJob.State.COMPLETED
    assert adds_up(job)
    assert the_contact(owner, display_name="Ada")
    assert the_contact(owner, display_name="Cy")


@pytest.mark.parametrize("name", ["Анна Пример", "عائشة مثال", "例え 太郎", "Zoë 🦊 Fox", 'O\'Neil "Q" \\ Back; semi'])
def test_names_of_all_scripts_arrive_as_they_are(owner: User, name: str) -> None:
    text = GOOGLE + f'"{name.replace(chr(34), chr(34) * 2)}",,,,,,ada@example.com\r\n'
    import_file(owner, text, "contacts.csv")
    assert the_contact(owner).display_name == name


def test_nul_bytes_do_not_reach_the_database(owner: User) -> None:
    job = import_file(owner, card("Ada Exam\0ple", uid="u1", lines=["NOTE:a\0b"]))
    assert job.state == ImportJob.State.COMPLETED
    assert "\0" not in the_contact(owner).notes


def test_formula_cells_are_kept_as_text(owner: User) -> None:
    import_file(owner, GOOGLE + '"=1+1",Example,"@SUM(A1)",+x,,,ada@example.com\r\n', "contacts.csv")
    contact = the_contact(owner)
    assert contact.given_name == "=1+1"
    assert contact.notes == "+x"


def test_a_script_address_is_not_a_link(owner: User) -> None:
    import_file(owner, GOOGLE + "Ada,Example,,,javascript:alert(1),,ada@example.com\r\n", "contacts.csv")
    assert not ContactLink.objects.filter(owner=owner, value__istartswith="javascript").exists()


def test_delimiters_in_quotes_are_text(owner: User) -> None:
    import_file(owner, GOOGLE + 'Ada,Example,"Acme, Inc.","line\r\nbreak",,,ada@example.com\r\n', "contacts.csv")
    contact = the_contact(owner)
    assert contact.organization is not None
    assert contact.organization.name == "Acme, Inc."
    assert contact.notes == "line\nbreak"


def test_windows_text_is_read(owner: User) -> None:
    import_file(owner, (GOOGLE + "José,Müller,,,,,jose@example.com\r\n").encode("cp1252"), "contacts.csv")
    assert the_contact(owner).display_name == "José Müller"


def test_a_person_with_only_a_phone_is_kept(owner: User) -> None:
    job = import_file(owner, card(phones=["+1 202 555 0123"]))
    assert counts(job) == {"created": 1}
    contact = the_contact(owner)
    assert contact.display_name == "+1 202 555 0123"
    assert contact.phones.get().e164 == "+12025550123"


def test_only_organization_or_note_is_told_as_invalid(owner: User) -> None:
    job = import_file(owner, card(lines=["NOTE:nobody"]))
    assert reasons(job) == [("invalid", "no_name_or_address")]


def test_a_large_embedded_picture_goes_to_the_file_tier(owner: User) -> None:
    """Pictures of 512,000 bytes and more are not stored together with the small ones."""
    content = bytes(range(256)) * 2_400
    job = import_file(
        owner, card("Ada", uid="u1", lines=["PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(content).decode()])
    )
    assert (counts(job), job.photos_queued) == ({"created": 1}, 1)
    photo = PhotoJob.objects.get()
    assert default_storage.size(photo.source_ref) == len(content)


def test_bytes_that_a_crash_left_behind_do_not_take_the_name_of_a_large_picture(owner: User) -> None:
    content = bytes(range(256)) * 2_400
    text = card("Ada", uid="u1", lines=["PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(content).decode()])
    job = start(owner, text, has_preview=False)
    name = f"o{owner.pk}/imports/{job.pk}-{hashlib.sha256(content).hexdigest()}"
    storages["files"].save(name, ContentFile(content[:1_000]))
    run(job)
    with default_storage.open(PhotoJob.objects.get().source_ref) as file:
        assert file.read() == content


def test_over_long_values_are_cut_and_not_lost(owner: User) -> None:
    lines = ["TITLE:" + "t" * 5_000, "NOTE:" + "n" * 100_000, "NICKNAME:" + "k" * 999, "ORG:" + "o" * 999]
    job = import_file(owner, card("Ada " + "x" * 900, uid="u" * 600, emails=["e" * 400 + "@example.com"], lines=lines))
    assert counts(job) == {"created": 1}, job.rows.get().error


def test_the_same_hostile_file_twice_doubles_nobody(owner: User) -> None:
    text = cards(
        card("Ada", uid="u1", emails=["a@example.com", "A@EXAMPLE.COM", "broken@"], phones=["1", "1", "++"]),
        card("Ada", lines=["CATEGORIES:,,x,,x", "URL:javascript:alert(1)", "URL:ftp://example.com"]),
        card("Ben", emails=["a@example.com"]),
        card("", phones=["0"]),
    )
    first = import_file(owner, text)
    number = Contact.objects.count()
    second = import_file(owner, text)
    assert adds_up(first)
    assert adds_up(second)
    assert Contact.objects.count() == number
    assert second.created == second.updated == second.failed == 0
