"""CSV address books: Google, Outlook, Apple, LinkedIn, and any other by a mapping of its columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from contacts.composing import Composer
from contacts.normalizing import normalize_email
from imports.readers.csv_layouts import LayoutName, fingerprint, guess, recognize
from imports.readers.csv_lines import Lines, RowTooLong
from imports.readers.csv_rows import Plan
from imports.readers.csv_words import MAPPABLE_FIELDS
from imports.readers.encodings import Encoding, Source, check_is_text, detect
from imports.readers.rows import RAW_MAX, Limits, ReadError, ReadRow
from imports.reasons import Reason

__all__ = ["HEAD_SIZE", "MAPPABLE_FIELDS", "CsvLayout", "inspect", "read"]

HEAD_SIZE = 1 << 18
DELIMITERS = ",;\t|"
NOTE_ROWS = 20
SAMPLE_ROWS = 5


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """What the beginning of a file tells about all of it.

    `mapping` is header -> field: what a known layout is read by, a guess for an unknown one. `header_offset` and
    `data_offset` are where the header and the first row begin, in bytes. The same columns have the same `fingerprint`.
    """

    name: LayoutName
    delimiter: str
    encoding: str
    header: list[str]
    header_offset: int
    data_offset: int
    mapping: dict[str, str]
    fingerprint: str
    sample_rows: list[list[str]]


class _Record(NamedTuple):
    start: int
    end: int
    cells: list[str]


class _Table(NamedTuple):
    """One way to cut the head of a file: by `delimiter`, with the header at `records[0]`."""

    delimiter: str
    layout: LayoutName
    records: list[_Record]
    mapping: dict[str, str]

    def score(self) -> tuple[bool, int, int]:
        return self.layout != "unknown", len(self.mapping), len(self.records[0].cells)


def inspect(head: bytes) -> CsvLayout:
    """Return the layout of a file that begins with `head`, at best its first HEAD_SIZE bytes.

    Raises ReadError for an empty file, one that is not text and one without a line of column names.
    """
    encoding = detect(head)
    check_is_text(head, encoding=encoding)
    tables = [_table(head, encoding=encoding, delimiter=delimiter) for delimiter in DELIMITERS]
    best = max((table for table in tables if table.records), key=_Table.score, default=None)
    if best is None:
        raise ReadError("No line of column names could be read.", "no_header")
    header = best.records[0].cells
    if best.layout == "unknown" and any(normalize_email(cell)[1] for cell in header if "@" in cell):
        raise ReadError("The first line has to name the columns; this file begins with a contact.", "no_header")
    return CsvLayout(
        name=best.layout,
        delimiter=best.delimiter,
        encoding=encoding.name,
        header=header,
        header_offset=best.records[0].start,
        data_offset=best.records[0].end,
        mapping=best.mapping,
        fingerprint=fingerprint(header),
        sample_rows=[record.cells for record in best.records[1 : SAMPLE_ROWS + 1]],
    )


def _table(head: bytes, *, encoding: Encoding, delimiter: str) -> _Table:
    records = _first_records(head, encoding=encoding, delimiter=delimiter)
    if records and records[0].cells[0].strip().lower().startswith("sep="):
        records = records[1:]
    for index, record in enumerate(records[:NOTE_ROWS]):
        layout = recognize(record.cells)
        if layout != "unknown":
            return _Table(delimiter, layout, records[index:], guess(record.cells, layout=layout))
    mapping = guess(records[0].cells, layout="unknown") if records else {}
    return _Table(delimiter, "unknown", records, mapping)


def _first_records(head: bytes, *, encoding: Encoding, delimiter: str) -> list[_Record]:
    lines = Lines(Source(io.BytesIO(head), encoding=encoding, offset=0))
    reader = csv.reader(lines, delimiter=delimiter)
    records: list[_Record] = []
    while len(records) < NOTE_ROWS + SAMPLE_ROWS + 1:
        start = lines.offset
        lines.start_row()
        try:
            cells = next(reader)
        except StopIteration:
            break
        except (csv.Error, RowTooLong):
            continue
        if any(cell.strip() for cell in cells):
            records.append(_Record(start, lines.offset, cells))
    return records


def read(
    stream: BinaryIO,
    *,
    region: str,
    limits: Limits,
    mapping: Mapping[str, str] | None = None,
    offset: int = 0,
    position: int = 0,
) -> Iterator[ReadRow]:
    """Yield one row per record; `offset` and `position` are those of the last row that was dealt with.

    `mapping` is header -> field of MAPPABLE_FIELDS; without it the layout's own is used. Raises ReadError as `inspect`
    does, and for too many rows or columns, no rows at all and columns none of which is known.
    """
    stream.seek(0)
    head = stream.read(HEAD_SIZE)
    layout = inspect(head)
    limits.check_columns(len(layout.header))
    if layout.data_offset >= HEAD_SIZE:
        raise ReadError("The line of column names is too long.", "too_many_columns")
    mapping = layout.mapping if mapping is None else mapping
    if not set(mapping.values()) - {"ignore"}:
        raise ReadError("No column of this file is known. Say which column is which.", "unknown_columns")
    encoding = Encoding(layout.encoding)
    lines = Lines(Source(stream, encoding=encoding, offset=max(offset, layout.data_offset)))
    csv.field_size_limit(limits.max_cell)
    yield from _rows(lines, layout=layout, plan=Plan(layout.header, mapping), region=region, limits=limits, at=position)


def _rows(
    lines: Lines,
    *,
    layout: CsvLayout,
    plan: Plan,
    region: str,
    limits: Limits,
    at: int,
) -> Iterator[ReadRow]:
    reader = csv.reader(lines, delimiter=layout.delimiter)
    position = at
    while True:
        lines.start_row()
        cells: list[str] | None = None
        error = ""
        try:
            cells = next(reader)
        except StopIteration:
            break
        except (csv.Error, RowTooLong):
            error = f"A cell is longer than {limits.max_cell:,} characters: perhaps a quote is never closed."
        if cells == []:
            continue
        position += 1
        limits.check_rows(position)
        if cells is None:
            yield ReadRow(position, lines.offset, None, _raw(lines), Reason.TOO_LONG.value, error)
        else:
            yield _row(cells, lines=lines, plan=plan, position=position, region=region)
    if not position:
        raise ReadError("The file has column names and no rows.", "no_rows")


def _row(cells: list[str], *, lines: Lines, plan: Plan, position: int, region: str) -> ReadRow:
    raw, offset = _raw(lines), lines.offset
    if len(cells) > plan.width:
        if any(cell.strip() for cell in cells[plan.width :]):
            error = f"The row has {len(cells):,} cells, the header {plan.width:,}: perhaps a comma is not in quotes."
            return ReadRow(position, offset, None, raw, Reason.TOO_MANY_COLUMNS_IN_ROW.value, error)
        del cells[plan.width :]
    if lines.is_damaged:
        error = "The row is neither UTF-8 nor Windows-1252 text."
        return ReadRow(position, offset, None, raw, Reason.BAD_ENCODING.value, error)
    if not any(cells) or not "".join(cells).strip():
        return ReadRow(position, offset, None, raw, Reason.EMPTY_ROW.value, "The row is empty.")
    composer = Composer(region=region)
    plan.read(cells, composer)
    contact = composer.finish()
    if contact.is_empty():
        error = "The row has no name, no e-mail address and no telephone number."
        return ReadRow(position, offset, None, raw, Reason.NO_NAME_OR_ADDRESS.value, error)
    return ReadRow(position, offset, contact, raw)


def _raw(lines: Lines) -> str:
    raw = lines.taken[0] if len(lines.taken) == 1 else "".join(lines.taken)
    raw = raw[:RAW_MAX].rstrip("\r\n")
    return raw if raw.isascii() else raw.encode("utf-8", "ignore").decode("utf-8")
