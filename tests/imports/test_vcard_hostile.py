from __future__ import annotations

import base64
import io
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports.readers import Limits, ReadError, vcard
from imports.readers.encodings import CHUNK, Encoding, Source
from imports.readers.vcard_lines import unfold
from imports.readers.vcard_scan import Scanner
from tests.imports.cards import LIMITS, card, error_code, read_cards

PIECES = [
    b"BEGIN:VCARD\n",
    b"END:VCARD\n",
    b"begin : vcard\r\n",
    b"AGENT:\n",
    b"FN:Ann Lee\n",
    b"N:Lee;Ann\r\n",
    b"TEL;CELL:+1 212 555 0100\n",
    b"EMAIL:ann@example.com\n",
    b"NOTE;ENCODING=QUOTED-PRINTABLE:a=\n",
    b"PHOTO;ENCODING=b:AAAA\n",
    b"=\n",
    b" folded\n",
    b"\r\r\n",
    b"\0",
    b"\xff\xfe",
    b"\xc3",
    b"BDAY:1604-03-07\n",
    b";:",
    b"item1.X-ABLabel:_$!<x>!$_\n",
]


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)))
def test_any_bytes_give_rows_or_a_read_error(data: bytes) -> None:
    if error_code(data, kind="vcard"):
        return
    rows = read_cards(data)
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert (row.contact is None) == bool(row.reason) == bool(row.error)
        row.raw.encode()
        assert "\0" not in row.raw


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf\r\n", "empty_file"),
        (b"\0" * 5000, "empty_file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1", "not_text"),
        (b"\xff\xfe\0\0B\0\0\0", "unknown_encoding"),
        (b"Name,E-mail\nAnn,ann@example.com\n", "no_cards"),
        (b"END:VCARD\n", "no_cards"),
    ],
)
def test_a_file_that_is_none_says_so(data: bytes, code: str) -> None:
    assert error_code(data, kind="vcard") == code


def test_a_card_without_end_costs_itself_alone() -> None:
    rows = read_cards(b"BEGIN:VCARD\nFN:Lost\n" + card("FN:Ann") + b"BEGIN:VCARD\nFN:Last\n")
    assert [row.reason for row in rows] == ["broken_card", "", "broken_card"]
    assert rows[0].raw == "BEGIN:VCARD\nFN:Lost"


def test_a_thousand_begins_are_a_thousand_cards_and_one_may_be_good() -> None:
    rows = read_cards(b"BEGIN:VCARD\n" * 1000 + b"FN:Ann\n" + b"END:VCARD\n" * 1000 + card("FN:Bob"))
    assert Counter(row.reason for row in rows) == {"broken_card": 999, "": 2}


def test_a_thousand_cards_inside_each_other_are_one_bad_card() -> None:
    rows = read_cards(b"BEGIN:VCARD\n" + b"AGENT:\nBEGIN:VCARD\n" * 1000 + b"END:VCARD\n" * 1001 + card("FN:Bob"))
    assert [row.reason for row in rows] == ["broken_card", ""]


def test_nuls_inside_a_card_are_dropped() -> None:
    (row,) = read_cards(card("FN:A\0nn", "ORG:A\0c\\;me", "NOTE:x\0y", "X-A:1\0", *["TITLE:Clerk"] * 5))
    assert row.contact is not None
    contact = row.contact
    assert (contact.display_name, contact.organization, contact.notes) == ("Ann", "Ac;me", "xy")
    assert "\0" not in row.raw + str(row.contact.extra)


def test_a_begin_or_end_in_the_middle_of_a_line_is_text() -> None:
    (row,) = read_cards(card("FN:Ann", "X-THEBEGIN:VCARD", "NOTE:see END:VCARD", "TITLE:Clerk"))
    assert row.contact is not None
    assert row.contact.title == "Clerk"


def test_a_card_that_names_nobody_and_a_group_are_invalid() -> None:
    rows = read_cards(card("NOTE:x") + card("FN:Team", "X-ADDRESSBOOKSERVER-KIND:group") + card("TEL:+12125550100"))
    assert [row.reason for row in rows] == ["no_name_or_address", "not_a_person", ""]


def test_a_card_over_a_limit_costs_itself_alone() -> None:
    limits = Limits(max_card_bytes=2_000, max_card_lines=50, max_photo_bytes=1_000)
    rows = read_cards(
        card("FN:Long", "NOTE:" + "x" * 2_000)
        + card("FN:Wide", *["X-A:1"] * 60)
        + card("FN:Endless", *["NOTE:" + "x" * 900] * 400)
        + card("FN:Ann"),
        limits=limits,
    )
    assert [row.reason for row in rows] == ["too_long", "too_long", "too_long", ""]
    assert max(len(row.raw) for row in rows) <= 20_000


def test_a_picture_over_the_limit_is_dropped_and_the_person_kept() -> None:
    picture = base64.b64encode(b"x" * 1_001).decode()
    (row,) = read_cards(card("FN:Ann", f"PHOTO;ENCODING=b:{picture}"), limits=Limits(max_photo_bytes=1_000))
    assert row.contact is not None
    assert row.contact.photo is None
    assert "larger" in row.contact.problems[0]


def test_pictures_do_not_count_as_the_cards_own_size_and_are_not_in_raw() -> None:
    picture = base64.b64encode(b"x" * 9_000).decode()
    (row,) = read_cards(card("FN:Ann", f"PHOTO;ENCODING=b:{picture}"), limits=Limits(max_card_bytes=1_000))
    assert row.contact is not None
    assert len(row.raw) < 200


def test_one_card_too_many_names_the_setting() -> None:
    stream = io.BytesIO(card("FN:Ann") * 3)
    rows = vcard.read(stream, region="", limits=Limits(max_rows=2))
    assert [next(rows).position, next(rows).position] == [1, 2]
    with pytest.raises(ReadError, match="IMPORT_MAX_ROWS") as raised:
        next(rows)
    assert raised.value.code == "too_many_rows"


class CountingStream(io.BytesIO):
    """A file that counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


@pytest.mark.parametrize(
    "piece",
    [
        b"BEGIN:VCARD\n",
        b":VCARD\n",
        b"\r",
        b"AGENT:\nBEGIN:VCARD\n",
        b"BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:=\n",
    ],
)
def test_a_hostile_file_is_read_once_with_a_small_buffer(piece: bytes) -> None:
    stream = CountingStream(piece * (1_000_000 // len(piece)))
    source = Source(stream, encoding=Encoding("utf-8"), offset=0)
    scanner = Scanner(source, longest=20_000)
    largest = 0
    for block in scanner.blocks():
        largest = max(largest, len(scanner.buffer), len(block.data))
    assert stream.taken == len(stream.getvalue())
    assert largest <= 20_000 + 2 * CHUNK


def test_unfolding_a_long_value_hands_out_every_character_once() -> None:
    lines = ["NOTE;ENCODING=QUOTED-PRINTABLE:" + "x=", *["y="] * 20_000, "z", "PHOTO;ENCODING=b:", *["AAAA"] * 20_000]
    note, photo = unfold("\n".join(lines))
    assert (len(note), len(photo)) == (len(lines[0]) - 1 + 20_000 + 1, len("PHOTO;ENCODING=b:") + 80_000)


def test_a_million_accents_are_cut_before_they_are_composed() -> None:
    marks = "\u0327\u0300" * 400_000
    limits = Limits(max_card_bytes=40_000_000)
    names = ("FN", "N", "NOTE", "TEL", "EMAIL", "URL", "UID", "ORG", "CATEGORIES", "BDAY", "X-SKYPE", "ADR", "X-OTHER")
    rows = read_cards(b"".join(card("NICKNAME:Ann", f"{name}:{marks}") for name in names), limits=limits)
    assert [row.reason for row in rows] == [""] * len(names)


def test_a_card_of_a_million_lines_is_not_read_to_its_end() -> None:
    lines = b"A;B:x\n" * 500_000
    rows = read_cards(b"BEGIN:VCARD\nFN:Wide\n" + lines + b"END:VCARD\n" + card("FN:Ann"))
    assert [row.reason for row in rows] == ["too_long", ""]


def test_the_limits_of_a_file_have_generous_defaults() -> None:
    assert (LIMITS.max_rows, LIMITS.max_columns, LIMITS.max_cell) == (1_000_000, 200, 131_072)
