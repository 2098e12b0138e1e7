"""Shortcuts for tests of the readers: cards and tables as bytes in, rows out."""

from __future__ import annotations

import io
from collections.abc import Mapping

from contacts.incoming import IncomingContact
from imports.readers import Limits, ReadError, ReadRow, csv, vcard

LIMITS = Limits()
# The smallest thing that calls itself a JPEG; readers do not look inside pictures.
PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\xff\xd9"


def card(*lines: str, version: str = "3.0", end: str = "\r\n") -> bytes:
    """Return one vCard with these lines."""
    return end.join(("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", "")).encode()


def read_cards(data: bytes, *, limits: Limits = LIMITS, region: str = "US", **place: int) -> list[ReadRow]:
    return list(vcard.read(io.BytesIO(data), region=region, limits=limits, **place))


def read_card(*lines: str, version: str = "3.0", end: str = "\r\n") -> IncomingContact:
    """Return the contact of a card with these lines."""
    (row,) = read_cards(card(*lines, version=version, end=end))
    assert row.contact is not None, row.error
    return row.contact


def read_table(
    data: bytes | str,
    *,
    limits: Limits = LIMITS,
    region: str = "US",
    mapping: Mapping[str, str] | None = None,
    offset: int = 0,
    position: int = 0,
) -> list[ReadRow]:
    content = data.encode() if isinstance(data, str) else data
    stream = io.BytesIO(content)
    return list(csv.read(stream, region=region, limits=limits, mapping=mapping, offset=offset, position=position))


def read_record(
    header: str, line: str, *, region: str = "US", mapping: Mapping[str, str] | None = None
) -> IncomingContact:
    """Return the contact of a table with one row."""
    (row,) = read_table(f"{header}\r\n{line}\r\n", region=region, mapping=mapping)
    assert row.contact is not None, row.error
    return row.contact


def error_code(data: bytes, *, kind: str, limits: Limits = LIMITS) -> str:
    """Return the code of the ReadError that reading `data` ends with, "" when there is none."""
    try:
        (read_cards if kind == "vcard" else read_table)(data, limits=limits)
    except ReadError as error:
        return error.code
    return ""
