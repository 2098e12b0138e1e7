"""One byte range of a file, as RFC 9110 (14 and 13.1.5) has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.utils.http import parse_http_date_safe

ONE_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class ByteRange:
    """The bytes from `start` to `end`, both included, of a file of `size`."""

    start: int
    end: int
    size: int

    @property
    def length(self) -> int:
        return self.end - self.start + 1

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.end}/{self.size}"


class Unsatisfiable(Exception):
    """The range has no byte of the file: 416."""


def read_range(header: str, *, size: int) -> ByteRange | None:
    """Return the one range that a Range header asks for; raises Unsatisfiable.

    None, for the whole file, when there is none, it cannot be read, or it asks for several: a server may ignore the
    header, and many small ranges would cost more than the whole.
    """
    found = ONE_RANGE.fullmatch(header)
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
        if not int(last) or not size:
            raise Unsatisfiable
        return ByteRange(start, end, size)
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    if last and int(last) < start:
        return None  # not a range at all, so not unsatisfiable either
    if start >= size:
        raise Unsatisfiable
    return ByteRange(start, end, size)


def is_still_current(if_range: str, *, etag: str, modified_at: datetime) -> bool:
    """Say whether the ranges of a request still fit, by its If-Range header: a strong tag, or exactly our date."""
    value = if_range.strip()
    if not value:
        return True
    if value.startswith(('"', "W/")):
        return value == etag  # a weak tag never matches
    return parse_http_date_safe(value) == int(modified_at.timestamp())
