"""Small MP4 and WebM files, built box by box; they hold no film, only what a container says of itself."""

from __future__ import annotations

import struct


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def wide_box(kind: bytes, content: bytes = b"") -> bytes:
    """Make a box whose length has 64 bits, as those of large files have."""
    return struct.pack(">I", 1) + kind + struct.pack(">Q", 16 + len(content)) + content


def ftyp(brand: bytes = b"isom") -> bytes:
    return box(b"ftyp", brand + struct.pack(">I", 512) + b"isomiso2mp41")


def mvhd(*, scale: int = 1000, duration: int = 12_345, version: int = 0) -> bytes:
    times = struct.pack(">QQIQ" if version else ">IIII", 1, 1, scale, duration)
    return box(b"mvhd", bytes([version, 0, 0, 0]) + times + bytes(80))


def mp4(*, brand: bytes = b"isom", padding: int = 100, moov: bytes | None = None) -> bytes:
    """Make an MP4 of 12.345 seconds whose header comes after its `padding` bytes of film."""
    return ftyp(brand) + box(b"mdat", bytes(padding)) + (box(b"moov", mvhd()) if moov is None else moov)


def element(kind: int, content: bytes, *, is_unknown: bool = False) -> bytes:
    length = b"\x01" + b"\xff" * 7 if is_unknown else struct.pack(">Q", len(content) | 1 << 56)
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + length + content


def webm(*, doctype: bytes = b"webm", info: bytes | None = None, is_unknown: bool = False) -> bytes:
    """Make a WebM of 12.345 seconds."""
    if info is None:
        info = element(0x2AD7B1, (1_000_000).to_bytes(3, "big")) + element(0x4489, struct.pack(">d", 12_345.0))
    header = element(0x1A45DFA3, element(0x4286, b"\x01") + element(0x4282, doctype))
    segment = element(0xEC, bytes(50)) + element(0x1549A966, info) + element(0x1F43B675, bytes(100))
    return header + element(0x18538067, segment, is_unknown=is_unknown)
