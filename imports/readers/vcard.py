"""vCard 2.1, 3.0 and 4.0 as phones and mail programs really write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from contacts.composing import Composer
from contacts.incoming import IncomingContact
from imports.readers.encodings import SAMPLE, Source, check_is_text, detect
from imports.readers.rows import RAW_MAX, Limits, ReadError, ReadRow
from imports.readers.vcard_card import CardReader
from imports.readers.vcard_lines import NEWLINES, Property, parse_line, unfold, without_inner
from imports.readers.vcard_scan import Block, Scanner
from imports.reasons import Reason

FAULTS = {
    "unfinished": (Reason.BROKEN_CARD, "The card has no END."),
    "nested": (Reason.BROKEN_CARD, "The card holds cards inside cards, too deep."),
    "too_long": (Reason.TOO_LONG, "The card is too large."),
}


def read(
    stream: BinaryIO,
    *,
    region: str,
    limits: Limits,
    offset: int = 0,
    position: int = 0,
) -> Iterator[ReadRow]:
    """Yield one row per card; `offset` and `position` are those of the last row that was dealt with.

    Raises ReadError for an empty file, one that is not text, one without a card and one with too many.
    """
    stream.seek(0)
    head = stream.read(SAMPLE)
    encoding = detect(head)
    if not offset:
        check_is_text(head, encoding=encoding)
    scanner = Scanner(
        Source(stream, encoding=encoding, offset=offset),
        longest=limits.max_card_bytes + 2 * limits.max_photo_bytes,
    )
    for block in scanner.blocks():
        position += 1
        limits.check_rows(position)
        yield _row(block, position=position, region=region, limits=limits)
    if not position:
        raise ReadError("There is no vCard in this file.", "no_cards")


def _row(block: Block, *, position: int, region: str, limits: Limits) -> ReadRow:
    text, is_bytes = _decode(block.data)
    if block.fault:
        return _invalid(block, position, _raw(text), *FAULTS[block.fault])
    text, inner = without_inner(text) if block.has_inner else (text, [])
    lines = unfold(text)
    properties, broken = _properties(lines[: limits.max_card_lines], is_bytes=is_bytes)
    pictures = {prop for prop in properties if prop.head.encoding == "b" or prop.value[:5].lower() == "data:"}
    raw = _raw_without(pictures, properties) if pictures else _raw(text)
    if len(lines) > limits.max_card_lines:
        error = f"The card has more than {limits.max_card_lines:,} lines."
        return _invalid(block, position, raw, Reason.TOO_LONG, error)
    if len(text) - sum(len(prop.value) for prop in pictures) > limits.max_card_bytes:
        error = f"The card is larger than {limits.max_card_bytes:,} bytes without its pictures."
        return _invalid(block, position, raw, Reason.TOO_LONG, error)
    reader = CardReader(Composer(region=region), limits=limits)
    reader.read(properties)
    for line in broken[:10]:
        reader.composer.add_problem(f"A line could not be read: “{line[:60]}”.")
    for card in inner:
        reader.keep("AGENT", {}, card)
    return _judged(block, position, raw, reader, reader.finish())


def _judged(block: Block, position: int, raw: str, reader: CardReader, contact: IncomingContact) -> ReadRow:
    if reader.is_group:
        return _invalid(block, position, raw, Reason.NOT_A_PERSON, "The card is a group, not a person.")
    if contact.is_empty():
        error = "The card has no name, no e-mail address and no telephone number."
        return _invalid(block, position, raw, Reason.NO_NAME_OR_ADDRESS, error)
    return ReadRow(position, block.end, contact, raw)


def _invalid(block: Block, position: int, raw: str, reason: Reason, error: str) -> ReadRow:
    return ReadRow(position, block.end, None, raw, reason.value, error)


def _decode(data: bytes) -> tuple[str, bool]:
    """Return the card's text with `\\n` line ends and whether its characters are still bytes.

    A card that is not UTF-8 as a whole is kept as bytes: each property may name its own charset, and a fold may stand
    inside a character.
    """
    try:
        text, is_bytes = data.decode("utf-8"), False
    except UnicodeDecodeError:
        text, is_bytes = data.decode("latin-1"), True
    if "\0" in text:
        text = text.replace("\0", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        text = NEWLINES.sub("\n", text) if "\r" in text else text
    return text, is_bytes


def _properties(lines: list[str], *, is_bytes: bool) -> tuple[list[Property], list[str]]:
    properties, broken = [], []
    for line in lines:
        prop = parse_line(line, is_bytes=is_bytes)
        if prop is None:
            broken.append(line)
        else:
            properties.append(prop)
    return properties, broken


def _raw_without(pictures: set[Property], properties: list[Property]) -> str:
    lines = []
    for prop in properties:
        value = f"({len(prop.value):,} characters)" if prop in pictures else prop.value[:RAW_MAX]
        lines.append(f"{prop.head.name}:{value}")
    return _raw("\n".join(lines))


def _raw(text: str) -> str:
    return text[:RAW_MAX].strip().replace("\0", "")
