"""The lines of a vCard: escaped, with parameters, folded at 75 octets (RFC 2426, RFC 6350)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence

END = b"\r\n"
LONGEST = 75

SPECIAL = re.compile(r"[\\,;\r\n]")
NEWLINE = re.compile(r"\r\n?|\n")
# Readers that are tolerant of space before BEGIN and END would take a continuation line for one of them.
LOOKS_LIKE_FRAME = re.compile(rb"[ \t]*(?:BEGIN|END|AGENT)\b|[ \t]+\Z", re.IGNORECASE)
PARAMETER = re.compile(r"[^\s\"=;:,]{1,100}")
NAME = re.compile(r"[^\s\";:][^\";:\r\n]*")


def escaped(value: str) -> str:
    """Return `value` as the text of a property or of one of its components."""
    if SPECIAL.search(value) is None:
        return value
    value = value.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")
    return NEWLINE.sub(r"\\n", value)


def escaped_address(url: str) -> str:
    """Return a web address, in which commas and semicolons have a meaning, for a property that is an address."""
    return url.replace("\\", "\\\\")


def kept_line(name: str, params: Mapping[str, Sequence[str]], value: str) -> str:
    """Return the line of a property that was read and kept, "" for a name that no reader could take apart."""
    if NAME.fullmatch(name) is None:
        return ""
    head = [name]
    for key, values in params.items():
        if PARAMETER.fullmatch(key):
            head.append(f"{key}={','.join(map(_parameter, values))}" if values else key)
    return f"{';'.join(head)}:{NEWLINE.sub(chr(92) + chr(92) + 'n', value)}"


def _parameter(value: str) -> str:
    value = NEWLINE.sub(" ", value).replace('"', "'")
    return f'"{value}"' if ";" in value or ":" in value else value


def folded(line: str) -> bytes:
    """Return the line with its end, cut so that no piece has more than 75 octets or half a character."""
    data = line.encode("utf-8", "replace")
    if len(data) <= LONGEST:
        return data + END
    pieces, start, room = [], 0, LONGEST
    while len(data) - start > room:
        stop = _place_to_cut(data, start, start + room)
        pieces.append(data[start:stop])
        start, room = stop, LONGEST - 1
    pieces.append(data[start:])
    return b"\r\n ".join(pieces) + END


def _place_to_cut(data: bytes, start: int, stop: int) -> int:
    """Return the last place at or before `stop` that is between characters and harmless to cut at."""
    latest = stop = _between_characters(data, stop)
    while LOOKS_LIKE_FRAME.match(data, stop, stop + LONGEST):
        stop = _between_characters(data, stop - 1)
        if stop <= start + LONGEST // 2:
            return latest
    return stop


def _between_characters(data: bytes, place: int) -> int:
    while data[place] & 0xC0 == 0x80:
        place -= 1
    return place


def picture(head: str, content: bytes) -> bytes:
    """Return the folded line of `head` and base64."""
    data = head.encode() + base64.b64encode(content)
    rest = (data[start : start + LONGEST - 1] for start in range(LONGEST, len(data), LONGEST - 1))
    return b"\r\n ".join([data[:LONGEST], *rest]) + END
