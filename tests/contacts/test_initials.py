from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.initials import COLORS, color, initials, initials_svg
from contacts.text import clean_line

WHITE_LUMINANCE = 1.05


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Mara Lindholm", "ML"),
        ("Noor van Dijk", "ND"),
        ("Plumber", "P"),
        ("émile zola", "ÉZ"),
        ("Иван Петров", "ИП"),
        ("花子 山本", "花山"),
        ("ليلى منصور", "لم"),
        ("Grandma 🌻", "G"),
        ("(Dr.) 'Bo' Li", "DL"),
        ("ßeta", "S"),
        ("🌻 🌻", "?"),
        ("", "?"),
    ],
)
def test_initials_are_the_first_letters_of_the_first_and_last_word(name: str, letters: str) -> None:
    assert initials(name) == letters


@given(st.text())
def test_any_name_gives_a_well_formed_picture_that_says_its_initials(name: str) -> None:
    svg = initials_svg(name)
    root = ET.fromstring(svg)  # noqa: S314 (our own output)
    text = root.find("{http://www.w3.org/2000/svg}text")
    assert text is not None
    assert text.text == initials(clean_line(name))


def test_a_hostile_name_is_escaped() -> None:
    svg = initials_svg('"><script>alert(1)</script>')
    assert "<script" not in svg
    assert 'aria-label="&quot;&gt;' in svg


def test_the_same_name_always_has_the_same_colour_and_names_spread_over_all() -> None:
    assert color("Mara Lindholm") == color("Mara Lindholm")
    assert {color(f"person {number}") for number in range(500)} == set(COLORS)


@pytest.mark.parametrize("background", COLORS)
def test_white_letters_are_readable_on_every_colour(background: str) -> None:
    def linear(channel: int) -> float:
        share = channel / 255
        return float(share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = (int(part, 16) for part in re.findall("..", background[1:]))
    luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    assert WHITE_LUMINANCE / (luminance + 0.05) >= 4.5
