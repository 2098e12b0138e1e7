"""What our own exports carry along, also when a stranger wrote it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from contacts.incoming import IncomingContact
from imports.readers import Limits, sniff, vcard
from imports.readers.csv import read

HEADER = ["First Name", "E-mail 1 - Label", "E-mail 1 - Value", "Kith ID", "Kith Data", "Kith Data 2"]


def read_data(data: str, more: str = "") -> IncomingContact:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, ["Ada", "* work", "ada@example.com", "id-1", data, more]])
    (row,) = read(io.BytesIO(text.getvalue().encode()), region="US", limits=Limits())
    assert row.contact is not None
    return row.contact


def test_values_and_properties_of_the_data_are_taken() -> None:
    data = {
        "emails": [["b@example.com", "x ::: y", False]],
        "extra": {"vcard": [["X-A", {"TYPE": ["home"]}, "v"]], "csv": {"H": "v"}},
    }
    text = json.dumps(data)
    contact = read_data(text[:30], text[30:])
    assert [(email.address, email.label) for email in contact.emails] == [
        ("ada@example.com", "work"),
        ("b@example.com", "x ::: y"),
    ]
    assert contact.external_id == "id-1"
    assert contact.extra == {"vcard": [["X-A", {"TYPE": ["home"]}, "v"]], "csv": {"H": "v"}}


HOSTILE: list[Any] = [
    [],
    "text",
    {
        "emails": "x",
        "tags": {"a": 1},
        "addresses": [1, [1, 2, 3, 4, 5, 6]],
        "links.url": [["javascript:alert(1)", "", 1]],
    },
    {
        "extra": {
            "vcard": [["X", [], "v"], ["X", {"A": 1}, "v"], ["X" * 999, {}, "v"], 7],
            "": {"a": "b"},
            "csv": {"a": 1},
        }
    },
    {"extra": {"vcard": {"a": "b"}, "google": [1]}},
    {"phones": [[None, None, None]], "links.im": [["javascript:alert(1)", "", False]]},
]


@pytest.mark.parametrize("data", HOSTILE)
def test_data_of_another_shape_is_left_out_and_the_row_is_read(data: Any) -> None:
    contact = read_data(json.dumps(data))
    assert (contact.given_name, len(contact.emails)) == ("Ada", 1)
    assert (contact.phones, contact.addresses, contact.links, contact.tags) == ([], [], [], [])
    assert not any(contact.extra.values())


def test_damaged_data_is_a_problem_of_its_own() -> None:
    for damaged in ('{"emails": [', "[" * 100_000):
        contact = read_data(damaged)
        assert contact.given_name == "Ada"
        assert contact.problems == ["The column Kith Data is damaged; the other columns were read."]


def test_much_extra_is_cut() -> None:
    data = {"extra": {"csv": {f"h{n}": "x" * 5_000 for n in range(20)}, "vcard": [["X-A", {}, "v" * 2_500]] * 10}}
    contact = read_data(json.dumps(data)[:90_000], json.dumps(data)[90_000:])
    columns, properties = contact.extra["csv"], contact.extra["vcard"]
    assert isinstance(columns, dict)
    assert isinstance(properties, list)
    assert (len(columns), max(map(len, columns.values()))) == (20, 2_000)
    assert (len(properties), max(len(entry[2]) for entry in properties)) == (10, 2_000)


def test_a_card_takes_back_columns_but_no_properties() -> None:
    text = "BEGIN:VCARD\nFN:Ada\nX-KITH-EXTRA:csv;A\\;B;1\nX-KITH-EXTRA:vcard;X;1\nX-KITH-EXTRA:csv\nEND:VCARD\n"
    (row,) = vcard.read(io.BytesIO(text.encode()), region="US", limits=Limits())
    assert row.contact is not None
    assert row.contact.extra == {"csv": {"A;B": "1", "?": ""}}


def test_a_card_in_a_cell_does_not_make_the_table_a_vcard_file() -> None:
    table = b'First Name,E-mail 1 - Value,Notes\r\nAda,a@example.com,"text\nBEGIN:VCARD\nFN:X\nEND:VCARD"\r\n'
    assert sniff(table, "people.csv") == "csv"
    assert sniff(b"Some words first\nBEGIN:VCARD\nFN:X\nEND:VCARD\n", "people.csv") == "vcard"


def test_a_fold_inside_a_run_of_spaces_keeps_them_beside_a_picture() -> None:
    text = "BEGIN:VCARD\r\nFN:Ada\r\nNOTE:a \r\n    \r\n  b\r\nPHOTO;ENCODING=b:aGVsbG8=\r\nEND:VCARD\r\n"
    (row,) = vcard.read(io.BytesIO(text.encode()), region="US", limits=Limits())
    assert row.contact is not None
    assert row.contact.notes == "a " + " " * 3 + " b"
