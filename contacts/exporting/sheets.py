"""People as CSV, in Google's columns.

The round-trip form has two more: "Kith ID", by which another import finds the person again, and "Kith Data", JSON of
what Google's columns cannot say. The spreadsheet form is for people to look at: no cell of it is a formula.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Model, QuerySet, TextField
from django.db.models.functions import Cast, Length

from contacts import links
from contacts.exporting.cells import exact_cell, safe_cell
from contacts.exporting.people import Address, Entry, Person
from contacts.models import Contact, ContactAddress, ContactEmail, ContactLink, ContactPhone

SOURCE = "csv"
BYTE_ORDER_MARK = "\ufeff"  # without it, Excel takes the file for one in the local 8-bit encoding
SEPARATOR = ":::"
DATA_CELL = 90_000  # characters; our reader takes cells of 131,072

BASE = (
    "Name",
    "First Name",
    "Last Name",
    "Nickname",
    "Organization Name",
    "Organization Title",
    "Organization Department",
    "Birthday",
    "Notes",
    "Photo",
    "Labels",
)
ADDRESS_PARTS = ("Label", "Street", "City", "Region", "Postal Code", "Country")
# Readers take 200 columns: with the most of each kind there are 112, and the rest of the values is in "Kith Data".
MOST = {"E-mail": 10, "Phone": 10, "Address": 4, "Website": 6, "Social": 6, "IM": 6}
LINK_KINDS = {"Website": ContactLink.Kind.URL, "Social": ContactLink.Kind.SOCIAL, "IM": ContactLink.Kind.IM}


@dataclass(frozen=True)
class Shape:
    """How many columns of each kind a file has; `data` is the number of "Kith Data" columns, 0 in a spreadsheet."""

    counts: dict[str, int]
    data: int

    def header(self) -> list[str]:
        names = list(BASE)
        for kind, count in self.counts.items():
            parts = ADDRESS_PARTS if kind == "Address" else ("Label", "Value")
            names += [f"{kind} {number} - {part}" for number in range(1, count + 1) for part in parts]
        if self.data:
            names += ["Kith ID", "Kith Data", *(f"Kith Data {number}" for number in range(2, self.data + 1))]
        return names


def shape_of(contacts: QuerySet[Contact], *, is_spreadsheet: bool) -> Shape:
    """Return the columns that these contacts need: as many as the one with the most values of each kind has."""
    found = {
        "E-mail": _most(ContactEmail, contacts),
        "Phone": _most(ContactPhone, contacts),
        "Address": _most(ContactAddress, contacts),
        **{name: _most(ContactLink, contacts, kind=kind) for name, kind in LINK_KINDS.items()},
    }
    # One e-mail column even when nobody has an address: by it our reader knows whose columns these are.
    counts = {kind: max(min(count, MOST[kind]), kind == "E-mail") for kind, count in found.items()}
    if is_spreadsheet:
        return Shape(counts, 0)
    longest = contacts.order_by().aggregate(most=Max(Length(Cast("extra", TextField()))))["most"] or 0
    return Shape(counts, longest // DATA_CELL + 1)


def _most(model: type[Model], contacts: QuerySet[Contact], **lookups: Any) -> int:
    rows = model._default_manager.filter(contact__in=contacts.order_by().values("pk"), **lookups)
    counted = rows.order_by().values("contact_id").annotate(number=Count("pk"))
    return counted.aggregate(most=Max("number"))["most"] or 0


def write(people: Iterator[Person], *, shape: Shape) -> Iterator[bytes]:
    """Yield the header line and one line for each person, CRLF at their ends, in UTF-8."""
    is_spreadsheet = not shape.data
    guard = safe_cell if is_spreadsheet else exact_cell
    line = _line(guard)
    yield (BYTE_ORDER_MARK if is_spreadsheet else "").encode() + line(shape.header())
    for person in people:
        yield line(RowWriter(person, shape=shape).cells())


def _line(guard: Callable[[str], str]) -> Callable[[Sequence[str]], bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)

    def line(cells: Sequence[str]) -> bytes:
        writer.writerow([guard(cell) if cell else cell for cell in cells])
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text.encode("utf-8", "replace")

    return line


class RowWriter:
    """Writes one row; what the columns have no room or no form for is collected in `rest`."""

    def __init__(self, person: Person, *, shape: Shape) -> None:
        self.person = person
        self.shape = shape
        self.rest: dict[str, Any] = {"extra": person.extra} if person.extra else {}

    def cells(self) -> list[str]:
        person = self.person
        cells = [
            person.display_name,
            person.given_name,
            person.family_name,
            person.nickname,
            person.organization,
            person.title,
            person.department,
            person.birthday,
            person.notes,
            links.web_address(person.picture_url),
            self._tags(),
            *self._entries("E-mail", person.emails, rest="emails", is_plain=_is_plain_email),
            *self._entries("Phone", person.phones, rest="phones"),
            *self._addresses(),
        ]
        for name, kind in LINK_KINDS.items():
            cells += self._entries(name, [link for link in person.links if link.kind == kind], rest=f"links.{kind}")
        return cells + self._data() if self.shape.data else cells

    def _tags(self) -> str:
        """Return the tags; Google's own group at the end says that commas are not what separates them."""
        plain = [tag for tag in self.person.tags if SEPARATOR not in tag and not tag.startswith("* ")]
        if len(plain) < len(self.person.tags):
            self.rest["tags"] = [tag for tag in self.person.tags if tag not in plain]
        if not self.shape.data:
            return ", ".join(self.person.tags)
        return f" {SEPARATOR} ".join([*plain, "* myContacts"]) if plain else ""

    def _entries(
        self, kind: str, entries: list[Entry], *, rest: str, is_plain: Callable[[Entry], bool] | None = None
    ) -> list[str]:
        count = self.shape.counts[kind]
        if not self.shape.data:
            return self._all_entries(entries, count)
        plain = [entry for entry in entries if (is_plain or _is_plain)(entry)]
        shown = plain[:count]
        if len(shown) < len(entries):
            others = [entry for entry in entries if entry not in shown]
            self.rest[rest] = [[entry.value, entry.label, entry.is_primary] for entry in others]
        return _cells(shown, count)

    def _all_entries(self, entries: list[Entry], count: int) -> list[str]:
        """Put what there are no columns for into the last one."""
        shown = entries[:count]
        if len(entries) > count:
            values = [entry.value for entry in entries[count - 1 :]]
            shown[-1] = shown[-1]._replace(value=f" {SEPARATOR} ".join(values))
        return _cells(shown, count)

    def _addresses(self) -> list[str]:
        count = self.shape.counts["Address"]
        plain = [address for address in self.person.addresses if _is_plain_address(address) or not self.shape.data]
        shown = plain[:count]
        if len(shown) < len(self.person.addresses):
            self.rest["addresses"] = [list(address) for address in self.person.addresses if address not in shown]
        cells = [part for address in shown for part in address]
        return cells + [""] * (count * len(ADDRESS_PARTS) - len(cells))

    def _data(self) -> list[str]:
        text = json.dumps(self.rest, ensure_ascii=False) if self.rest else ""
        last = self.shape.data - 1
        pieces = [text[number * DATA_CELL : (number + 1) * DATA_CELL] for number in range(last)]
        return [self.person.identity(SOURCE)[0], *pieces, text[last * DATA_CELL :]]


def _cells(entries: Sequence[Entry], count: int) -> list[str]:
    """Return label and value of each; a star before its label marks the primary one, as in Google's files."""
    cells = []
    for entry in entries:
        cells += [f"* {entry.label}" if entry.is_primary else entry.label, entry.value]
    return cells + [""] * (count * 2 - len(cells))


def _is_plain(entry: Entry) -> bool:
    return SEPARATOR not in entry.value and not entry.label.startswith("*")


def _is_plain_email(entry: Entry) -> bool:
    return _is_plain(entry) and entry.value.count("@") < 2


def _is_plain_address(address: Address) -> bool:
    return all(SEPARATOR not in part for part in address) and not address.label.startswith("*")
