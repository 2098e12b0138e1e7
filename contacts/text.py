"""Text that strangers wrote, made safe to store, show and sort."""

from __future__ import annotations

import re
import unicodedata

# C0 and C1 controls, surrogates, byte order marks, and the characters that turn the direction of what follows.
UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")
SPACES = re.compile(r"\s+")


def clean_line(value: str) -> str:
    """Return `value` as one line in NFC: without controls and direction overrides, runs of space as one."""
    if value.isascii() and value.isprintable():
        return " ".join(value.split()) if "  " in value else value.strip()
    return SPACES.sub(" ", unicodedata.normalize("NFC", UNSAFE.sub("", value))).strip()


def clean_text(value: str) -> str:
    """Return `value` in NFC without controls and direction overrides; line breaks become `\\n`, tabs stay."""
    if value.isascii() and value.isprintable():
        return value.strip()
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", UNSAFE.sub("", value)).strip()


def fold(value: str) -> str:
    """Return `value` casefolded and without accents, for sorting and for comparing names."""
    if value.isascii():
        return value.casefold()
    decomposed = unicodedata.normalize("NFKD", value.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))
