"""Whether two entries may be the same person, judged by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from contacts.text import fold

WORD = re.compile(r"[^\W_]+")
LETTER = re.compile(r"[^\W\d_]")

NameWords = frozenset[str]


def name_words(person: Mapping[str, Any]) -> NameWords:
    """Return the folded words of a person's name; empty when there is none.

    Reads `given_name` and `family_name`, else `display_name`. A display name that is only an address, a number or one
    of `phones` (objects with `raw`), because nothing better was known, is not a name.
    """
    name = f"{person.get('given_name') or ''} {person.get('family_name') or ''}".strip()
    display_name = person.get("display_name") or ""
    if not name and any(phone["raw"] == display_name for phone in person.get("phones") or []):
        return frozenset()
    return _words(name or display_name)


def is_real_name(person: Mapping[str, Any]) -> bool:
    """Say whether the display name is more than a stand-in."""
    return bool(name_words({**person, "given_name": "", "family_name": ""}))


def names_agree(first: NameWords, second: NameWords) -> bool:
    """Say whether one name could stand for the other: one side has none, or all its words are in the other."""
    return first <= second or second <= first


@lru_cache(maxsize=4096)
def _words(name: str) -> NameWords:
    is_name = "@" not in name and LETTER.search(name) is not None
    return frozenset(WORD.findall(fold(name))) if is_name else frozenset()
