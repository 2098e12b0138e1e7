"""Our reader beside vobject, on cards that vobject can read."""

from __future__ import annotations

import unicodedata

import vobject
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.imports.cards import read_cards

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z", "M")), min_size=1, max_size=12).map(
    lambda text: text.strip() or "x"
)
PHRASES = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)


def nfc(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def serialized(family: str, given: str, org: str, note: str, mail: str) -> bytes:
    card = vobject.vCard()
    card.add("n").value = vobject.vcard.Name(family=family, given=given)
    card.add("fn").value = f"{given} {family}"
    card.add("org").value = [org]
    card.add("note").value = note
    card.add("email").value = f"{mail}@example.com"
    data: str = card.serialize()
    return data.encode()


@settings(max_examples=150, deadline=None)
@given(PHRASES, PHRASES, PHRASES, PHRASES, st.from_regex(r"[a-z]{1,9}", fullmatch=True))
def test_what_vobject_writes_is_read_as_vobject_reads_it(
    family: str, given: str, org: str, note: str, mail: str
) -> None:
    data = serialized(family, given, org, note, mail)
    (row,) = read_cards(data)
    assert row.contact is not None
    theirs = next(vobject.readComponents(data.decode()))
    ours = row.contact

    assert ours.family_name == nfc(theirs.n.value.family)
    assert ours.given_name == nfc(theirs.n.value.given)
    assert ours.display_name == nfc(theirs.fn.value)
    assert ours.organization == nfc(theirs.org.value[0])
    assert nfc(ours.notes) == nfc(theirs.note.value)
    assert ours.emails[0].address == theirs.email.value
