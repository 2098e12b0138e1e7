from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports.readers import ReadError
from tests.imports.cards import card, read_cards
from tests.imports.test_vcard_hostile import PIECES

MIXED = (
    b"junk before\r\n"
    + card("FN:Ann", "PHOTO;ENCODING=b:AAAA", " AAAA")
    + b"BEGIN:VCARD\r\nFN:Lost\r\n"
    + card("FN:Boss", "AGENT:", "BEGIN:VCARD", "FN:Agent", "END:VCARD")
    + b"END:VCARD\r\n"
    + card("FN:Zoë 😀", end="\r\r\n")
    + b"BEGIN:VCARD\nFN:Cut"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_reading_on_from_every_row_gives_the_rest_of_the_full_read(encoding: str) -> None:
    data = MIXED.decode().encode(encoding)
    rows = read_cards(data)
    assert len(rows) == 5
    for row in rows:
        assert read_cards(data, offset=row.offset, position=row.position) == rows[row.position :]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
def test_any_file_can_be_read_on_from_every_row(data: bytes) -> None:
    try:
        rows = read_cards(data)
    except ReadError:
        return
    for row in rows:
        assert read_cards(data, offset=row.offset, position=row.position) == rows[row.position :]


def test_places_are_right_across_chunks() -> None:
    data = b"".join(card(f"FN:Person {number}", "NOTE:" + "x" * 3_000) for number in range(300))
    rows = read_cards(data)
    assert len(rows) == 300
    for row in rows[::37]:
        rest = read_cards(data, offset=row.offset, position=row.position)
        assert rest == rows[row.position :]
