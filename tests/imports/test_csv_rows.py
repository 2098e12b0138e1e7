from __future__ import annotations

import csv
import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports.readers import Limits, ReadError
from imports.readers import csv as reader
from imports.readers.csv_lines import ROW_MAX
from tests.imports.cards import error_code, read_record, read_table
from tests.imports.test_csv_layouts import GOOGLE

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
HEADER = "Name,E-mail,Phone,Notes,Birthday"
FRAGMENTS = [
    b"Name,E-mail,Phone\n",
    b"Ann,ann@example.com\n",
    b'"',
    b",",
    b"\r",
    b"\n",
    b"\0",
    b"\xff",
    b"\xc3\xab",
    b";\t|",
]


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(b"".join)))
def test_any_bytes_give_rows_or_a_read_error(data: bytes) -> None:
    for content in (data, b"Name,E-mail\n" + data):
        if error_code(content, kind="csv"):
            continue
        rows = read_table(content)
        for row in rows:
            assert (row.contact is None) == bool(row.reason) == bool(row.error)
            row.raw.encode()
            assert "\0" not in row.raw
            assert read_table(content, offset=row.offset, position=row.position) == rows[row.position :]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5), st.sampled_from([",", ";", "\t"]))
def test_what_a_spreadsheet_writes_is_read_cell_by_cell(pairs: list[tuple[str, str]], delimiter: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["External ID", "Name", "E-mail"])
    for number, (note, _) in enumerate(pairs):
        writer.writerow([f"id{number}", f"Person {number}", f"p{number}@example.com"])
        writer.writerow([f"id-{number}", note.replace("'", "") + "x", ""])
    rows = read_table(out.getvalue())
    assert [row.contact.external_id for row in rows[::2] if row.contact] == [f"id{n}" for n in range(len(pairs))]
    assert all(row.contact is not None for row in rows)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf", "empty_file"),
        (b"\0" * 5_000, "empty_file"),
        (b"Name,E-mail\n", "no_rows"),
        (b"Name,E-mail\n\n\n", "no_rows"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1", "not_text"),
        (b"PK\3\4\x14\0\6\0\x08\0\0\0!\0\0\1\2\3\4\5", "not_text"),
        (b"ann@example.com,Ann\n", "no_header"),
        (b"foo,bar\n1,2\n", "unknown_columns"),
        (",".join(["Name", *(f"c{n}" for n in range(200))]).encode() + b"\nAnn\n", "too_many_columns"),
        (b"Name," + b"x" * 300_000 + b"\nAnn\n", "no_header"),
        (b"Name," + b",".join([b"x" * 1000] * 300) + b"\nAnn\n", "too_many_columns"),
    ],
)
def test_a_file_that_is_no_address_book_says_so(data: bytes, code: str) -> None:
    assert error_code(data, kind="csv") == code


def test_two_hundred_columns_are_read_and_one_more_names_the_setting() -> None:
    names = ["Name", *(f"c{number}" for number in range(199))]
    assert len(read_table(",".join(names) + "\nAnn\n")) == 1
    with pytest.raises(ReadError, match="IMPORT_MAX_COLUMNS"):
        read_table(",".join([*names, "more"]) + "\nAnn\n")


def test_one_row_too_many_names_the_setting() -> None:
    with pytest.raises(ReadError, match="IMPORT_MAX_ROWS") as raised:
        read_table("Name\nAnn\nBob\nCleo\n", limits=Limits(max_rows=2))
    assert raised.value.code == "too_many_rows"


def test_a_bad_row_costs_itself_alone() -> None:
    rows = read_table(
        b"Name,E-mail\nAnn,a@example.com\n,\n\nBob\nDoe, John,j@example.com\nx\x81\x8d,\n"
        b'"' + b"y" * 200_000 + b'",\nCleo,,,\n"",only@example.com\n" ","\t"\n'
    )
    assert [row.reason for row in rows] == [
        "",
        "empty_row",
        "",
        "too_many_columns_in_row",
        "bad_encoding",
        "too_long",
        "",
        "",
        "empty_row",
    ]
    assert max(len(row.raw) for row in rows) <= 20_000


def test_a_row_with_values_that_name_nobody_is_invalid() -> None:
    (row,) = read_table("Name,Notes\n,hello\n")
    assert row.reason == "no_name_or_address"


def test_delimiters_and_line_breaks_inside_quotes_belong_to_the_cell() -> None:
    contact = read_record(HEADER, '"Lee, Ann",ann@example.com,,"a ""b"", c\r\nd;e",')
    assert (contact.display_name, contact.notes) == ("Lee, Ann", 'a "b", c\nd;e')


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_are_found(encoding: str, end: str) -> None:
    data = end.join(("sep=;", "Name;E-mail", "Zoë 😀;zoe@example.com", "Мария;m@example.com", "محمد;", "")).encode(
        encoding
    )
    rows = read_table(data)
    assert [row.contact.display_name for row in rows if row.contact] == ["Zoë 😀", "Мария", "محمد"]
    for row in rows:
        assert read_table(data, offset=row.offset, position=row.position) == rows[row.position :]
    assert rows[-1].offset == len(data)


def test_a_line_in_another_charset_does_not_spoil_the_others() -> None:
    rows = read_table(b"Name\nZo\xc3\xab\nZo\xeb\n")
    assert [row.contact.display_name for row in rows if row.contact] == ["Zoë", "Zoë"]


def test_formulas_stay_text_and_lose_the_apostrophe_of_a_safe_export() -> None:
    contact = read_record(HEADER, '"=HYPERLINK(""http://x"",""y"")",,\'+1 212-555-0100,\'=1+1,')
    assert contact.display_name == '=HYPERLINK("http://x","y")'
    assert (contact.phones[0].raw, contact.notes) == ("+1 212-555-0100", "=1+1")
    assert read_record(HEADER, "'t Hooft,,,'quoted',").display_name == "'t Hooft"


def test_an_ambiguous_birthday_is_kept_and_told() -> None:
    contact = read_record(HEADER, "Ann,,,,03/04/1980")
    assert (contact.birthday, contact.extra) == ("", {"csv": {"Birthday": "03/04/1980"}})
    assert len(contact.problems) == 1


def test_only_web_addresses_are_pictures_and_links() -> None:
    contact = read_record("Name,Photo,Website", "Ann,javascript:alert(1),javascript:alert(2)")
    assert (contact.photo, contact.links, len(contact.problems)) == (None, [], 2)


def test_several_addresses_in_a_cell_are_several_addresses() -> None:
    contact = read_record(HEADER, 'Ann,"a@example.com; b@example.com",,,')
    assert [mail.address for mail in contact.emails] == ["a@example.com", "b@example.com"]


def test_a_quote_that_is_never_closed_is_one_bad_row_of_bounded_size() -> None:
    rows = read_table("Name,E-mail\n" + '"Ann,\n' + "Bob,b@example.com\n" * 20_000)
    assert rows[0].reason == "too_long"
    lost = 20_000 - (len(rows) - 1)
    assert 0 < lost * len("Bob,b@example.com\n") < 140_000


def test_a_row_that_never_ends_takes_bounded_memory() -> None:
    data = b"Name,E-mail\n" + (b'"' + b"a" * 500 + b'\n",') * 16_000
    stream = io.BytesIO(data)
    tracemalloc.start()
    try:
        reasons = {row.reason for row in reader.read(stream, region="", limits=Limits())}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "too_long" in reasons
    assert peak < 8 * ROW_MAX


def test_a_line_longer_than_any_row_is_passed_over() -> None:
    data = b"Name,E-mail\n" + b"x" * 5_000_000 + b"\nBob,b@example.com\n"
    rows = read_table(data)
    assert [row.reason for row in rows] == ["too_long", ""]
    assert [row.offset for row in rows] == [12 + 5_000_001, len(data)]


def test_a_line_longer_than_any_row_takes_bounded_memory() -> None:
    stream = io.BytesIO(b"Name,E-mail\nAnn,\n" + b"x" * 20_000_000 + b"\nBob,\n")
    tracemalloc.start()
    try:
        reasons = [row.reason for row in reader.read(stream, region="", limits=Limits())]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reasons == ["", "too_long", ""]
    assert peak < 6 * ROW_MAX


def test_a_header_that_does_not_end_says_so() -> None:
    data = b"Name," + b",".join([b"x" * 1_000] * 300) + b"\nAnn\n"
    assert error_code(data, kind="csv", limits=Limits(max_columns=1_000)) == "too_many_columns"


def test_places_are_right_across_chunks() -> None:
    lines = "".join(f'Ann,,Lee{number},,,"Acme\n{"x" * 900}",,,,,,,,p{number}@example.com\r\n' for number in range(700))
    data = f"{GOOGLE}\n{lines}"
    rows = read_table(data)
    assert len(rows) == 700
    for row in rows[::97]:
        assert read_table(data, offset=row.offset, position=row.position) == rows[row.position :]
