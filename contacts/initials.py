"""Initials in a coloured circle: the picture of a contact who has none."""

from __future__ import annotations

import hashlib
import unicodedata

from django.template.loader import render_to_string

from contacts.text import clean_line

# White text has a contrast of at least 4.5:1 on each of these (WCAG 2.2, 1.4.3).
COLORS = (
    "#b4322f",
    "#a8471b",
    "#8a5a00",
    "#5c6b00",
    "#2f7436",
    "#00735c",
    "#00708a",
    "#2566a8",
    "#4b5bb5",
    "#7450b0",
    "#9a3f9c",
    "#a83a6e",
)


def initials(name: str) -> str:
    """Return at most two letters for `name`: of its first and last word, or "?" when it has no letter or digit."""
    firsts = [letter for word in name.split() if (letter := _first_letter(word))]
    if not firsts:
        return "?"
    return firsts[0] if len(firsts) == 1 else firsts[0] + firsts[-1]


def color(name: str) -> str:
    """Return a colour that is always the same for the same name."""
    return COLORS[hashlib.sha256(name.encode()).digest()[0] % len(COLORS)]


def initials_svg(name: str) -> str:
    """Return a square SVG picture with the initials of `name`; screen readers read the name."""
    name = clean_line(name)  # XML has no way to write most control characters
    return render_to_string(
        "contacts/initials.svg", {"name": name, "initials": initials(name), "color": color(name)}
    ).strip()


def _first_letter(word: str) -> str:
    for character in unicodedata.normalize("NFC", word):
        if character.isalnum():
            return character.upper()[:1]
    return ""
