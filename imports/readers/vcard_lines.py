"""The properties of one card: unfolded, with their parameters, still encoded."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from imports.readers.encodings import decode_declared

NEWLINES = re.compile(r"\r+\n?")
ENCODED = re.compile(r";(?:encoding[ \t]*=|base64|quoted-printable)", re.IGNORECASE)
PROPERTY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,80}[ \t]*[;:]")
QUOTED = re.compile(r'"[^"]*"')
INNER = re.compile(r"[ \t]*(?:AGENT[^:]{0,200}:[ \t]*)?(BEGIN|END)[ \t]*:[ \t]*VCARD[ \t]*\Z", re.IGNORECASE)
HEAD_MAX = 2_000
INNER_MAX = 2_000
ESCAPE = re.compile(r"\\([\\;,:nN\"'])")
ENCODINGS = {"QUOTED-PRINTABLE": "qp", "QP": "qp", "BASE64": "b", "B": "b", "8BIT": "", "7BIT": ""}
NEUTRAL_TYPES = frozenset(("pref", "voice", "internet", "text", "x400", "msg", "dom", "intl", "postal", "parcel"))
EMPTY: dict[str, tuple[str, ...]] = {}


class Head(NamedTuple):
    """What stands before the colon: `item1.TEL;TYPE=CELL,pref`. Names are upper case, types lower case.

    `label` is what the types say about the value, as "home" or "work fax".
    """

    group: str
    name: str
    types: tuple[str, ...]
    label: str
    params: dict[str, tuple[str, ...]]
    encoding: str
    charset: str


class Property:
    """One property; `is_bytes` says that its characters are bytes whose charset is not known yet."""

    __slots__ = ("head", "is_bytes", "is_damaged", "value")

    def __init__(self, head: Head, value: str, *, is_bytes: bool) -> None:
        self.head = head
        self.value = value
        self.is_bytes = is_bytes
        self.is_damaged = False

    def text(self) -> str:
        """Return the value decoded and without escapes; line breaks are `\\n`."""
        if self.is_bytes or self.head.encoding == "qp" or "\\" in self.value:
            return unescape(self.source())
        return self.value

    def source(self) -> str:
        """Return the value decoded, still with its escapes."""
        return self._decode(self.value) if self.is_bytes or self.head.encoding == "qp" else self.value

    def fields(self) -> list[str]:
        """Return the components between unescaped semicolons."""
        if self.head.encoding == "qp":
            # Encoded semicolons are text, so the parts are decoded one by one.
            return [unescape(self._decode(part)) for part in split(self.value, ";")]
        source = self.source()
        return source.split(";") if "\\" not in source else [unescape(part) for part in split(source, ";")]

    def _decode(self, value: str) -> str:
        data = value.encode("latin-1" if self.is_bytes else "utf-8", "replace")
        if self.head.encoding == "qp":
            data = quopri.decodestring(data)
        text, is_whole = decode_declared(data, self.head.charset)
        self.is_damaged = self.is_damaged or not is_whole
        return NEWLINES.sub("\n", text) if "\r" in text else text


def unescape(value: str) -> str:
    """Return `value` without vCard's backslashes; one before any other character stays, as in a Windows path."""
    if "\\" not in value:
        return value
    return ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def split(value: str, separator: str) -> list[str]:
    """Return the parts of `value` between unescaped separators, escapes kept."""
    if "\\" not in value:
        return value.split(separator)
    marked = value.replace("\\\\", "\0").replace("\\" + separator, "\1")
    return [part.replace("\1", "\\" + separator).replace("\0", "\\\\") for part in marked.split(separator)]


def without_inner(text: str) -> tuple[str, list[str]]:
    """Return the card without the cards inside it (AGENT), and those, each cut to INNER_MAX characters."""
    kept: list[str] = []
    inner: list[str] = []
    depth = 0
    for line in text.split("\n"):
        mark = INNER.match(line)
        depth += (mark is not None and mark[1].upper() == "BEGIN") or 0
        if depth < 2:
            kept.append(line)
        else:
            if mark is not None and depth == 2 and mark[1].upper() == "BEGIN":
                inner.append("BEGIN:VCARD")
            elif len(inner[-1]) < INNER_MAX:
                inner[-1] += "\n" + line[:INNER_MAX]
        depth -= (mark is not None and mark[1].upper() == "END") or 0
    return "\n".join(kept), inner


def unfold(text: str) -> list[str]:
    """Return the logical lines of a card whose line ends are `\\n`, without blank ones."""
    if ENCODED.search(text) is not None:
        return list(_unfold_encoded(text))
    if "\n " in text or "\n\t" in text:
        text = text.replace("\n ", "").replace("\n\t", "")
    return [line for line in text.split("\n") if line and not line.isspace()]


def _unfold_encoded(text: str) -> Iterator[str]:
    """Unfold a card with quoted-printable or base64 values, which phones continue without a leading space."""
    parts: list[str] = []
    encoding = ""
    for line in text.split("\n"):
        is_blank = not line or line.isspace()
        if encoding == "qp" and parts[-1].endswith("="):
            parts[-1] = parts[-1][:-1]
            parts.append(line[1:] if line[:1] in (" ", "\t") else line)
        elif parts and line and line[0] in " \t":
            parts.append(line[1:])  # also of nothing but space: a fold may stand inside a run of it
        elif encoding == "b" and not is_blank and PROPERTY.match(line) is None:
            parts.append(line)
        else:
            if parts:
                yield "".join(parts)
            parts = [] if is_blank else [line]
            encoding = "" if is_blank else _encoding(line)
    if parts:
        yield "".join(parts)


def _encoding(line: str) -> str:
    head, _, value = _cut(line)
    if value[:5].lower() == "data:":
        return "b"
    return parse_head(head).encoding if ";" in head else ""


def _cut(line: str) -> tuple[str, str, str]:
    """Return what is before and behind the first colon that is not inside quotes."""
    head, colon, value = line.partition(":")
    if '"' not in head:
        return head, colon, value
    masked = QUOTED.sub(lambda match: "_" * len(match[0]), line[:HEAD_MAX])
    index = masked.find(":")
    return (line[:index], ":", line[index + 1 :]) if index >= 0 else (head, colon, value)


def parse_line(line: str, *, is_bytes: bool) -> Property | None:
    """Return the property in a logical line, None when it is none."""
    head, colon, value = line.partition(":")
    if '"' in head:
        head, colon, value = _cut(line)
    if not colon or not head or len(head) > HEAD_MAX:
        return None
    return Property(parse_head(head), value, is_bytes=is_bytes)


@lru_cache(maxsize=2048)
def parse_head(text: str) -> Head:
    """Return the parts of `text`; bare parameters (`TEL;CELL`) are types or encodings."""
    name, *rest = _params(text)
    group, _, name = name.strip().rpartition(".")
    params: dict[str, tuple[str, ...]] = {}
    for param in rest:
        key, equals, value = param.partition("=")
        key = key.strip().upper()
        if not equals:
            key, value = ("ENCODING" if key in ENCODINGS else "TYPE"), key
        values = tuple(part for piece in value.split(",") if (part := piece.strip().strip('"')))
        params[key] = params.get(key, ()) + values
    types = tuple(dict.fromkeys(value.lower() for entry in params.get("TYPE", ()) for value in entry.split(",")))
    encoding = next((ENCODINGS.get(value.upper(), "") for value in params.get("ENCODING", ())), "")
    charset = next(iter(params.get("CHARSET", ())), "")
    label = " ".join("mobile" if word == "cell" else word for word in types if word not in NEUTRAL_TYPES)
    return Head(group.strip().lower(), name.strip().upper(), types, label, params or EMPTY, encoding, charset)


def _params(text: str) -> list[str]:
    if '"' not in text:
        return text.split(";")
    masked = QUOTED.sub(lambda match: match[0].replace(";", "\0"), text)
    return [part.replace("\0", ";") for part in masked.split(";")]
