"""Export contacts as one of the forms, in chunks of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from django.db.models import QuerySet

from contacts.exporting import sheets, vcard
from contacts.exporting.people import Person, read_people
from contacts.models import Contact

Form = Literal["vcard-3.0", "vcard-4.0", "csv", "spreadsheet"]

CHUNK = 65_536
CONTENT_TYPES = {"vcard": "text/vcard; charset=utf-8", "csv": "text/csv; charset=utf-8"}


@dataclass
class Export:
    """An export of `contacts` on its way: iterating gives the file, about 64 KB at a time, and counts the contacts.

    The contacts must not be sliced. Memory does not grow with their number.
    """

    contacts: QuerySet[Contact]
    form: Form
    count: int = 0
    size: int = 0

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES["vcard" if self.form.startswith("vcard") else "csv"]

    @property
    def suffix(self) -> str:
        return "vcf" if self.form.startswith("vcard") else "csv"

    def __iter__(self) -> Iterator[bytes]:
        self.count = self.size = 0
        for chunk in _chunks(self._pieces()):
            self.size += len(chunk)
            yield chunk

    def _pieces(self) -> Iterator[bytes]:
        is_card = self.form.startswith("vcard")
        people = self._counted(read_people(self.contacts, has_pictures=is_card))
        if is_card:
            return vcard.write(people, version="4.0" if self.form.endswith("4.0") else "3.0")
        return sheets.write(people, shape=sheets.shape_of(self.contacts, is_spreadsheet=self.form == "spreadsheet"))

    def _counted(self, people: Iterator[Person]) -> Iterator[Person]:
        for person in people:
            self.count += 1
            yield person


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)
