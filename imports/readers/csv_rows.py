"""From the cells of one row to a contact, by a plan made once from the header."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from contacts.composing import LINE_FIELDS, Composer
from contacts.exporting.cells import unquoted
from contacts.text import clean_line, clean_text
from imports.readers.kept import keep_columns, read_data

EXTRA_MAX = 100
EXTRA_VALUE_MAX = 2_000
VALUES_MAX = 100
GOOGLE_SEPARATOR = ":::"
LIST_SEPARATOR = re.compile(r"[;,]")
ADDRESS_LABELS = frozenset(("home", "work", "other"))
LIST_FIELDS = frozenset(("email", "phone", "url", "social", "im"))
DATA_MAX = 1_000_000

Cells = Sequence[str]
Take = Callable[["RowReader", Cells, str], None]


class RowReader:
    """Collects one row; `addresses` are the parts by group, `kept` what no field holds, `data` our own export's."""

    __slots__ = ("addresses", "composer", "data", "kept", "middle_name")

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.addresses: dict[str, dict[str, str]] = {}
        self.kept: dict[str, str] = {}
        self.middle_name = ""
        self.data = ""

    def keep(self, header: str, value: str) -> None:
        if len(self.kept) < EXTRA_MAX:
            self.kept[clean_line(header)[:200] or "?"] = clean_text(value[:EXTRA_VALUE_MAX])


class Plan:
    """What to do with each column: a function per column, None for those that are read with another or not at all."""

    def __init__(self, header: Sequence[str], mapping: Mapping[str, str]) -> None:
        fields = [mapping.get(name, "") for name in header]
        labels = {field: index for index, field in enumerate(fields) if field.endswith(".label")}
        self.takes = [_take(name, field, labels) for name, field in zip(header, fields, strict=True)]
        self.width = len(header)

    def read(self, cells: list[str], composer: Composer) -> RowReader:
        """Return what the row says; cells beyond the header are not looked at."""
        row = RowReader(composer)
        takes = self.takes
        for index, value in enumerate(cells):
            if value and (take := takes[index]) is not None:
                take(row, cells, unquoted(value))
        self._finish(row)
        return row

    def _finish(self, row: RowReader) -> None:
        contact = row.composer.contact
        if row.middle_name and not contact.display_name:
            names = (contact.given_name, row.middle_name, contact.family_name)
            row.composer.set_line("display_name", " ".join(filter(None, names)))
        for key, parts in row.addresses.items():
            _add_address(row.composer, key, parts)
        if row.data:
            read_data(row.data, row.composer)
        if row.kept:
            keep_columns(row.composer, "csv", row.kept)


def _add_address(composer: Composer, key: str, parts: dict[str, str]) -> None:
    street = "\n".join(filter(None, (parts.get("po_box"), parts.get("extended"), parts.get("street"))))
    rest = {part: parts.get(part, "") for part in ("city", "region", "postal_code", "country")}
    if not street and not any(rest.values()):
        street = parts.get("formatted", "")
    composer.add_address(label=parts.get("label", key if key in ADDRESS_LABELS else ""), street=street, **rest)


def _take(header: str, field: str, labels: Mapping[str, int]) -> Take | None:
    if field == "ignore" or (field.endswith(".label") and not field.startswith("address")):
        return None
    base, _, part = field.partition(".")
    kind, _, number = base.partition("#")
    if kind == "address":
        return _take_address(base, part, number)
    if kind in LIST_FIELDS:
        return _take_list(kind, part, labels.get(f"{base}.label", -1) if number else -1)
    if field in LINE_FIELDS:
        return _take_line(field)
    return SINGLE[field](header) if field in SINGLE else _take_unknown(header)


def _take_line(field: str) -> Take:
    def take(row: RowReader, cells: Cells, value: str) -> None:
        row.composer.set_line(field, value)

    return take


def _take_unknown(header: str) -> Take:
    def take(row: RowReader, cells: Cells, value: str) -> None:
        if not value.isspace():
            row.keep(header, value)

    return take


def _take_address(base: str, part: str, number: str) -> Take:
    key, _, part = (base, "", part) if number else part.rpartition(".")

    def take(row: RowReader, cells: Cells, value: str) -> None:
        parts = row.addresses.setdefault(key, {})
        value = value.removeprefix("* ") if part == "label" else value.replace(f" {GOOGLE_SEPARATOR} ", "\n")
        parts[part] = f"{parts[part]}\n{value}" if part in parts else value

    return take


def _take_list(kind: str, label: str, label_index: int) -> Take:
    add = ADDERS[kind]

    def take(row: RowReader, cells: Cells, value: str) -> None:
        found = unquoted(cells[label_index]) if 0 <= label_index < len(cells) else label
        is_primary = found.startswith("* ")
        found = found[2:] if is_primary else found.removeprefix("*")
        if GOOGLE_SEPARATOR in value:
            for part in value.split(GOOGLE_SEPARATOR, VALUES_MAX)[:VALUES_MAX]:
                add(row.composer, part.strip(), found, is_primary)
                is_primary = False
        else:
            add(row.composer, value, found, is_primary)

    return take


def _add_email(composer: Composer, value: str, label: str, is_primary: bool) -> None:
    if value.count("@") < 2:
        composer.add_email(value, label=label, is_primary=is_primary)
        return
    for part in LIST_SEPARATOR.split(value, VALUES_MAX)[:VALUES_MAX]:
        composer.add_email(part, label=label, is_primary=is_primary)


def _add_phone(composer: Composer, value: str, label: str, is_primary: bool) -> None:
    composer.add_phone(value, label=label, is_primary=is_primary)


def _add_url(composer: Composer, value: str, label: str, is_primary: bool) -> None:
    composer.add_url(value, label=label)


def _add_social(composer: Composer, value: str, label: str, is_primary: bool) -> None:
    if value.lower().startswith(("http://", "https://")):
        composer.add_url(value, label=label, kind="social")
    else:
        composer.add_handle(value, label=label, kind="social")


def _add_messenger(composer: Composer, value: str, label: str, is_primary: bool) -> None:
    composer.add_handle(value, label=label)


ADDERS: dict[str, Callable[[Composer, str, str, bool], None]] = {
    "email": _add_email,
    "phone": _add_phone,
    "url": _add_url,
    "social": _add_social,
    "im": _add_messenger,
}


def _take_tags(header: str) -> Take:
    def take(row: RowReader, cells: Cells, value: str) -> None:
        is_google = GOOGLE_SEPARATOR in value or value.startswith("* ")
        for tag in (value.split(GOOGLE_SEPARATOR) if is_google else LIST_SEPARATOR.split(value))[:VALUES_MAX]:
            tag = tag.strip()
            # Google writes its own groups with a star: "* myContacts".
            if not tag.startswith("* "):
                row.composer.add_tag(tag)

    return take


def _take_birthday(header: str) -> Take:
    def take(row: RowReader, cells: Cells, value: str) -> None:
        if not row.composer.set_birthday(value.strip()):
            row.keep(header, value)

    return take


def _take_middle_name(header: str) -> Take:
    def take(row: RowReader, cells: Cells, value: str) -> None:
        row.middle_name = clean_line(value)[:150]
        row.keep(header, value)

    return take


def _take_data(header: str) -> Take:
    def take(row: RowReader, cells: Cells, value: str) -> None:
        row.data = (row.data + value)[:DATA_MAX]

    return take


SINGLE: dict[str, Callable[[str], Take]] = {
    "notes": lambda header: lambda row, cells, value: row.composer.add_notes(value),
    "photo": lambda header: lambda row, cells, value: row.composer.set_photo(url=value.strip()),
    "external_id": lambda header: lambda row, cells, value: row.composer.set_external_id(value),
    "birthday": _take_birthday,
    "tags": _take_tags,
    "data": _take_data,
    "middle_name": _take_middle_name,
}
