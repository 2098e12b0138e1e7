"""What an MP4 or WebM file says of itself: its type and its duration, from a few hundred bytes of it.

The files come from strangers: nothing is trusted, every loop has an end, and a duration that cannot be read is None.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO

MP4, WEBM = "video/mp4", "video/webm"
SUFFIXES = {MP4: "mp4", WEBM: "webm"}

HEAD_BYTES = 4_096
MAX_PARTS = 5_000
MAX_SECONDS = 30 * 24 * 3600
MAX_FTYP = 1_024

# Major brands of ISO files with video that browsers play; AVIF, HEIC, QuickTime and M4A begin alike.
BRANDS = {b"mp41", b"mp42", b"mp71", b"avc1", b"isom", b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"dash", b"mmp4", b"f4v "}
BRANDS |= {b"iso" + digit for digit in (b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9", b"a", b"b", b"c")}

EBML, DOCTYPE = 0x1A45DFA3, 0x4282
SEGMENT, INFO, TIMESTAMP_SCALE, DURATION = 0x18538067, 0x1549A966, 0x2AD7B1, 0x4489
MAX_EBML_HEADER = 4_000
DEFAULT_SCALE = 1_000_000


@dataclass(frozen=True)
class Container:
    """`content_type` is video/mp4 or video/webm; `duration` is None where the file does not tell."""

    content_type: str
    duration: timedelta | None

    @property
    def suffix(self) -> str:
        return SUFFIXES[self.content_type]


@dataclass(frozen=True)
class Part:
    """A box of an MP4 or an element of a WebM: its kind and where its content lies in the file."""

    kind: bytes | int
    start: int
    end: int


def sniff(head: bytes) -> str | None:
    """Return video/mp4, video/webm or None by the first bytes of a file; 4,096 are always enough."""
    if head[4:8] == b"ftyp" and len(head) >= 16:
        length = int.from_bytes(head[:4], "big")
        return MP4 if 16 <= length <= MAX_FTYP and head[8:12] in BRANDS else None
    return WEBM if _doctype(head) == b"webm" else None


def read_container(file: BinaryIO, *, size: int) -> Container | None:
    """Return type and duration of a file of `size` bytes, reading only the parts needed; None for anything else."""
    file.seek(0)
    content_type = sniff(file.read(HEAD_BYTES))
    if content_type is None:
        return None
    seconds: float | None = None
    with suppress(struct.error, ValueError, OverflowError, ZeroDivisionError):
        seconds = _mp4_seconds(file, size) if content_type == MP4 else _webm_seconds(file, size)
    is_known = seconds is not None and math.isfinite(seconds) and 0 < seconds <= MAX_SECONDS
    return Container(content_type, timedelta(milliseconds=round(seconds * 1000)) if seconds and is_known else None)


def _mp4_seconds(file: BinaryIO, size: int) -> float | None:
    moov = _find(_boxes(file, 0, size), b"moov")
    header = moov and _find(_boxes(file, moov.start, moov.end), b"mvhd")
    if not moov or not header:
        return None
    version, content = _full_box(file, header, 32)
    layout = ">16xIQ" if version else ">8xII"
    scale, duration = struct.unpack_from(layout, content)
    if not duration:  # in pieces: the whole is told in the header of its extension
        mvex = _find(_boxes(file, moov.start, moov.end), b"mvex")
        mehd = mvex and _find(_boxes(file, mvex.start, mvex.end), b"mehd")
        if not mehd:
            return None
        version, content = _full_box(file, mehd, 12)
        (duration,) = struct.unpack_from(">Q" if version else ">I", content)
    is_unknown = duration == (2**64 - 1 if version else 2**32 - 1)
    return None if is_unknown else float(duration / scale)


def _full_box(file: BinaryIO, box: Part, length: int) -> tuple[int, bytes]:
    """Return version and content of a box that has a version and flags."""
    file.seek(box.start)
    content = file.read(min(length, box.end - box.start))
    return (content[0] if content else 0), content[4:]


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[Part]:
    """Give the boxes between two offsets, at most 5,000, until one does not fit."""
    for _ in range(MAX_PARTS):
        if end - start < 8:
            return
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        length, kind, body = int.from_bytes(header[:4], "big"), header[4:8], start + 8
        if length == 1 and len(header) == 16:
            length, body = int.from_bytes(header[8:], "big"), start + 16
        elif length == 0:
            length = end - start
        if length < body - start or start + length > end:
            return
        yield Part(kind, body, start + length)
        start += length


def _webm_seconds(file: BinaryIO, size: int) -> float | None:
    segment = _find(_elements(file, 0, size), SEGMENT)
    info = segment and _find(_elements(file, segment.start, segment.end), INFO)
    if not info:
        return None
    scale, duration = DEFAULT_SCALE, None
    for element in _elements(file, info.start, info.end):
        if element.kind not in (TIMESTAMP_SCALE, DURATION) or element.end - element.start > 8:
            continue
        file.seek(element.start)
        value = file.read(element.end - element.start)
        if element.kind == TIMESTAMP_SCALE:
            scale = int.from_bytes(value, "big")
        else:
            (duration,) = struct.unpack(">f" if len(value) == 4 else ">d", value)
    return None if duration is None else duration * scale / 1e9


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[Part]:
    """Give the EBML elements between two offsets, at most 5,000; one of unknown length goes on to the end."""
    for _ in range(MAX_PARTS):
        if end - start < 2:
            return
        file.seek(start)
        found = _element_header(file.read(12))
        if found is None:
            return
        kind, header, length = found
        body = start + header
        stop = end if length is None else body + length
        if body > end or stop > end:
            return
        yield Part(kind, body, stop)
        start = stop


def _element_header(data: bytes) -> tuple[int, int, int | None] | None:
    """Return kind, length of the header and length of the content, None for unknown; None when it is no header."""
    kind_width = 9 - data[0].bit_length() if data else 9
    if kind_width > 4 or len(data) <= kind_width:
        return None
    kind, first = int.from_bytes(data[:kind_width], "big"), data[kind_width]
    width = 9 - first.bit_length()
    if width > 8 or len(data) < kind_width + width:
        return None
    mask = (1 << (7 * width)) - 1
    length = int.from_bytes(data[kind_width : kind_width + width], "big") & mask
    return kind, kind_width + width, None if length == mask else length


def _doctype(head: bytes) -> bytes:
    """Return the document type that an EBML file declares, empty for another file."""
    found = _element_header(head)
    if found is None or found[0] != EBML or found[2] is None or found[2] > MAX_EBML_HEADER:
        return b""
    place, end = found[1], min(len(head), found[1] + found[2])
    while place < end:
        element = _element_header(head[place : place + 12])
        if element is None or element[2] is None:
            return b""
        kind, header, length = element
        place += header + (length or 0)
        if kind == DOCTYPE:
            return head[place - (length or 0) : min(place, end)].rstrip(b"\0")
    return b""


def _find(parts: Iterator[Part], kind: bytes | int) -> Part | None:
    return next((part for part in parts if part.kind == kind), None)
