"""Names of people: how they are shown, sorted and, where a source has only one field, taken apart."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from nameparser import HumanName
from nameparser.config import CONSTANTS

from contacts.text import clean_line, fold

SORT_NAME_MAX = 300
FREE_NAME_MAX = 300
PLAIN_WORD = re.compile(r"[^\W\d_]{2,}\Z")
JOB_WORDS = re.compile(
    r"\b(?:c[etfoim]o|[es]?vp|president|director|manager|head|founder|cofounder|owner|partner|chair(?:man)?|engineer"
    r"|developer|consultant|architect|designer|analyst|sales|marketing|lead|officer|secretary|assistant|at"
    r"|geschäftsführer|leiter|directeur|gerente)\b"
)


def sort_name(*, display_name: str, given_name: str = "", family_name: str = "") -> str:
    """Return the list key: family name first, casefolded, without accents, at most 300 characters."""
    name = f"{family_name} {given_name}".strip() if family_name or given_name else display_name
    return fold(name)[:SORT_NAME_MAX]


def split_free_name(text: str) -> tuple[str, str]:
    """Return (given, family) of a name that a source keeps in one field; both empty when it cannot be told.

    Structured names never come here. A job behind a comma is cut off first: the parser would read "John Doe, CEO @
    Acme" as the family name John Doe.
    """
    name = clean_line(text)[:FREE_NAME_MAX]
    if not name or "@" in name.partition(",")[0]:
        return "", ""
    words = name.split(" ")
    if len(words) == 2 and _is_plain(words[0]) and _is_plain(words[1]):
        return words[0], words[1]
    return _parse(_without_job(name))


def _without_job(name: str) -> str:
    head, comma, tail = name.partition(",")
    return head if comma and ("@" in tail or JOB_WORDS.search(tail.casefold())) else name


def _is_plain(word: str) -> bool:
    return PLAIN_WORD.match(word) is not None and word.casefold() not in _special_words()


@cache
def _special_words() -> frozenset[str]:
    """Return every word that the parser treats as more than a name: titles, particles, suffixes, conjunctions."""
    words: set[str] = set()
    for attribute in dir(CONSTANTS):
        value: Any = None if attribute.startswith("_") else getattr(CONSTANTS, attribute)
        if value is not None and not isinstance(value, str) and hasattr(value, "__iter__"):
            words.update(
                part.casefold().strip(".") for entry in value if isinstance(entry, str) for part in entry.split()
            )
    return frozenset(words)


@lru_cache(maxsize=4096)
def _parse(name: str) -> tuple[str, str]:
    parsed = HumanName(name)
    given = " ".join(part for part in (parsed.first, parsed.middle) if part)
    if not given:
        return ("", parsed.last) if parsed.title else (parsed.last, "")
    return given, parsed.last
