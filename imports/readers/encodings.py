"""Which characters the bytes of a file are, and reading them in chunks with their place in the file."""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO, NamedTuple

from imports.readers.rows import ReadError

CHUNK = 1 << 18
SAMPLE = 4096
DECLARED = re.compile(
    r"utf-8|ascii|iso8859-\d+|cp\d+|koi8-[rut]|gbk|gb2312|gb18030|big5|shift_jis|euc_jp|euc_kr|iso2022_(?:jp|kr)"
    r"|mac-(?:roman|latin2|cyrillic|greek|turkish)|utf-16|utf-16-le|utf-16-be"
)
CONTINUATION = bytes(range(0x80, 0xC0))
FOUR_BYTE_LEADS = bytes(range(0xF0, 0xF8))
NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class Encoding(NamedTuple):
    """A codec's name and how many bytes of byte order mark come before the text."""

    name: str
    bom: int = 0

    @property
    def is_wide(self) -> bool:
        return self.name.startswith("utf-16")


def detect(head: bytes) -> Encoding:
    """Return the encoding of a file that begins with `head`: by its mark, by where its NULs are, UTF-8, else cp1252.

    Raises ReadError for UTF-32, which no address book writes.
    """
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise ReadError("The file is in UTF-32. Save it as UTF-8 and try again.", "unknown_encoding")
    if head.startswith(codecs.BOM_UTF8):
        return Encoding("utf-8", 3)
    if head.startswith(codecs.BOM_UTF16_LE):
        return Encoding("utf-16-le", 2)
    if head.startswith(codecs.BOM_UTF16_BE):
        return Encoding("utf-16-be", 2)
    return Encoding(_wide_without_mark(head[:SAMPLE]) or _narrow(head))


def _wide_without_mark(sample: bytes) -> str:
    half = len(sample) // 2
    if half < 2:
        return ""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if odd > half * 0.4 and even < half * 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.4 and odd < half * 0.1 else ""


def _narrow(head: bytes) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def check_is_text(head: bytes, *, encoding: Encoding) -> None:
    """Raise ReadError for an empty file and for one that is not text: pictures, archives, runs of NULs."""
    body = head[encoding.bom :]
    if not body.strip(b" \t\r\n\0"):
        raise ReadError("The file is empty.", "empty_file")
    if encoding.is_wide:
        return
    sample = body[:SAMPLE]
    controls = len(sample) - len(sample.translate(None, bytes((*range(9), *range(14, 32), 127))))
    if controls > len(sample) * 0.1:
        raise ReadError("The file is not text. Export the address book as vCard or CSV and try again.", "not_text")


def decode_narrow(data: bytes) -> tuple[str, bool]:
    """Return the text and whether every byte was a character: UTF-8, else cp1252.

    A stray byte in what is otherwise UTF-8 with accents does not make it cp1252.
    """
    try:
        return data.decode("utf-8"), True
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    strays = text.count("\ufffd")
    if len(NOT_ASCII.findall(text)) > 2 * strays:
        return text, False
    try:
        return data.decode("cp1252"), True
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), False


def decode_declared(data: bytes, charset: str) -> tuple[str, bool]:
    """Return the text of bytes whose source names its charset; a wrong or strange name counts as none."""
    if charset and not data.isascii():
        try:
            codec = codecs.lookup(charset.strip()[:40]).name
            if DECLARED.fullmatch(codec):
                return data.decode(codec), True
        except (LookupError, UnicodeError, ValueError):
            pass
    return decode_narrow(data)


class Source:
    """The bytes of a file from `offset` on, in chunks; UTF-16 comes out as UTF-8.

    `width` says how many bytes of the file a piece of what was handed out takes.
    """

    def __init__(self, stream: BinaryIO, *, encoding: Encoding, offset: int) -> None:
        self.stream = stream
        self.encoding = encoding
        self.start = max(offset, encoding.bom)
        stream.seek(self.start)
        self._decoder = codecs.getincrementaldecoder(encoding.name)("surrogatepass") if encoding.is_wide else None

    def read(self) -> bytes:
        """Return the next chunk, b"" at the end."""
        while True:
            chunk = self.stream.read(CHUNK)
            if self._decoder is None or not chunk:
                return chunk
            # Half a character at the end of a chunk stays in the decoder; at the end of the file it is dropped.
            if text := self._decoder.decode(chunk):
                return text.encode("utf-8", "surrogatepass")

    def width(self, piece: bytes) -> int:
        """Return a length in the file; of a character that is cut in two, the first byte counts for all of it."""
        if self._decoder is None:
            return len(piece)
        units = len(piece.translate(None, CONTINUATION)) + len(piece) - len(piece.translate(None, FOUR_BYTE_LEADS))
        return units * 2
