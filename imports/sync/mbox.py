"""Mail files in the mbox form, as Thunderbird, Apple Mail and Google Takeout write them.

The standard library's `mailbox.mbox` reads the whole file before it gives the first message and cannot go on from a
place in it, so a file of many gigabytes would be read again after each interruption.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import IO, NamedTuple

from imports.sync.headers import Fields, fields_of

# The line that begins a message: "From sender Thu Jan  1 00:00:00 2026", where the sender may have spaces and the zone
# stands before or after the year. Text that merely begins with "From " has no time of day.
FROM_LINE = re.compile(rb"From .*\b\d{1,2}:\d\d(?::\d\d)?\b.*\b\d{4}\b")
LINE_BYTES = 65_536
HEADER_BYTES = 262_144
BLANK = (b"\n", b"\r\n")


class NotMbox(Exception):
    """The file does not begin like a mail file."""


class Entry(NamedTuple):
    """One message: its header fields, and where in the file the next one begins."""

    fields: Fields
    next_offset: int


def read_mbox(file: IO[bytes], *, offset: int = 0) -> Iterator[Entry]:
    """Yield the messages from byte `offset` on, which is where one begins; raises NotMbox. Bodies are passed over."""
    file.seek(offset)
    line = file.readline(LINE_BYTES)
    if line and not line.startswith(b"From "):
        raise NotMbox("A mail file (mbox) begins with a line “From …”. This one does not.")
    while line:
        header = _read_header(file)
        line, next_offset = _skip_body(file)
        yield Entry(_parse(header), next_offset)


def _read_header(file: IO[bytes]) -> bytes:
    kept: list[bytes] = []
    size = 0
    while (line := file.readline(LINE_BYTES)) and line not in BLANK:
        size += len(line)
        if size <= HEADER_BYTES:
            kept.append(line)
    return b"".join(kept)


def _skip_body(file: IO[bytes]) -> tuple[bytes, int]:
    """Return the line that begins the next message, and its offset; empty at the end of the file."""
    is_after_blank = True
    while line := file.readline(LINE_BYTES):
        if is_after_blank and line.startswith(b"From ") and FROM_LINE.match(line):
            return line, file.tell() - len(line)
        is_after_blank = line in BLANK
    return b"", file.tell()


def _parse(header: bytes) -> Fields:
    return fields_of(BytesHeaderParser(policy=compat32).parsebytes(header + b"\n").items())
