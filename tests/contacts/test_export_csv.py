from __future__ import annotations

import csv
import io

import pytest
from django.contrib.auth.models import User

from contacts.exporting.cells import FORMULA, exact_cell, safe_cell, unquoted
from contacts.exporting.writing import Export, Form
from contacts.models import Contact, ContactEmail, Tag
from imports.readers import Limits
from imports.readers.csv import read
from tests.contacts.people import make_people
from tests.factories import make_contact, make_picture


def rows_of(form: Form) -> list[dict[str, str]]:
    text = b"".join(Export(Contact.objects.all(), form)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("value", ["=1+1", "'=1", "''=1", "'", "", "plain", "'plain", "\uff1dx", "+1 202", "-", "\tx"])
def test_a_guarded_cell_reads_back_as_it_was(value: str) -> None:
    assert unquoted(safe_cell(value)) == value
    assert unquoted(exact_cell(value)) == value


def test_no_cell_of_a_spreadsheet_is_a_formula(owner: User) -> None:
    make_people(owner, 400, seed=3)
    rows = rows_of("spreadsheet")
    cells = [cell for row in rows for cell in (*row, *row.values())]
    assert [cell for cell in cells if FORMULA.match(cell)] == []
    assert any(cell.startswith("'=") for cell in cells)
    assert any(cell.startswith("'+") for cell in cells)


def test_the_round_trip_form_leaves_telephone_numbers_alone(owner: User) -> None:
    make_contact(owner, phone="+12025550100")
    (row,) = rows_of("csv")
    assert row["Phone 1 - Value"] == "+12025550100"
    assert row["Phone 1 - Label"] == "* "


def test_a_spreadsheet_opens_as_utf_8_and_has_no_columns_of_ours(owner: User) -> None:
    make_contact(owner, "Zoë")
    data = b"".join(Export(Contact.objects.all(), "spreadsheet"))
    assert data.startswith(b"\xef\xbb\xbf")
    assert b"Kith" not in data


def test_values_beyond_the_columns_are_in_the_last_cell_of_a_spreadsheet_and_in_the_data_of_the_other(
    owner: User,
) -> None:
    contact = make_contact(owner)
    for number in range(13):
        address = f"a{number:02}@example.com"
        ContactEmail.objects.create(owner=owner, contact=contact, address=address, normalized=address)
    (row,) = rows_of("spreadsheet")
    assert row["E-mail 10 - Value"] == " ::: ".join(f"a{number:02}@example.com" for number in range(9, 13))
    (row,) = rows_of("csv")
    assert row["E-mail 10 - Value"] == "a09@example.com"
    assert "a12@example.com" in row["Kith Data"]


def test_no_file_has_more_columns_than_are_read(owner: User) -> None:
    make_people(owner, 2_000, seed=5)
    data = b"".join(Export(Contact.objects.all(), "csv"))
    assert len(list(read(io.BytesIO(data), region="US", limits=Limits(max_columns=200)))) == 2_000


def test_tags_with_commas_stay_whole_in_the_round_trip_form(owner: User) -> None:
    contact = make_contact(owner)
    contact.tags.add(Tag.objects.create(owner=owner, name="Friends, family"), Tag.objects.create(owner=owner, name="B"))
    data = b"".join(Export(Contact.objects.all(), "csv"))
    (row,) = read(io.BytesIO(data), region="US", limits=Limits())
    assert row.contact is not None
    assert row.contact.tags == ["B", "Friends, family"]


def test_the_picture_goes_by_its_address(owner: User) -> None:
    make_picture(make_contact(owner), source_url="https://pictures.example.com/a.jpg")
    assert rows_of("csv")[0]["Photo"] == "https://pictures.example.com/a.jpg"


def test_an_empty_hub_gives_the_header_alone(db: None) -> None:
    assert b"".join(Export(Contact.objects.all(), "csv")).count(b"\r\n") == 1
