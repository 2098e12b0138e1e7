"""Readers of address-book files: tolerant, streaming, resumable at any entry."""

from __future__ import annotations

import re
from typing import Literal

from imports.readers import csv
from imports.readers.encodings import detect
from imports.readers.rows import RAW_MAX, Limits, ReadError, ReadRow

__all__ = ["RAW_MAX", "Limits", "ReadError", "ReadRow", "sniff"]

BEGIN = re.compile(r"(?:\A|[\r\n])[ \t]*BEGIN[ \t]*:[ \t]*VCARD", re.IGNORECASE)


def sniff(head: bytes, name: str) -> Literal["vcard", "csv"] | None:
    """Return the kind of a file that begins with `head`: by content, then by name; None when neither tells."""
    try:
        encoding = detect(head)
    except ReadError:
        return None
    codec = encoding.name if encoding.is_wide else "latin-1"
    begin = BEGIN.search(head[encoding.bom :].decode(codec, "replace"))
    if begin and not (begin.start() and _is_known_table(head)):
        return "vcard"
    suffix = name.rpartition(".")[2].lower()
    if suffix in ("vcf", "vcard"):
        return "vcard"
    return "csv" if suffix in ("csv", "tsv", "txt", "tab") else None


def _is_known_table(head: bytes) -> bool:
    """Say whether these are the columns of a known program: then a card further down is the text of a cell."""
    try:
        return csv.inspect(head).name != "unknown"
    except ReadError:
        return False
