"""Contacts on their way out: page by page, in the order of their sort names, with all that hangs on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.core.files.storage import default_storage
from django.db.models import BooleanField, Model, QuerySet
from django.db.models.expressions import RawSQL

from contacts.models import (
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ContactPicture,
    ExternalIdentity,
)
from contacts.pictures import choose
from contacts.text import clean_line, clean_text
from media_store.models import StoredFile

PAGE_SIZE = 1_000
PICTURES_AT_ONCE = 250

SCALARS = ("display_name", "given_name", "family_name", "nickname", "title", "department", "birthday")
COLUMNS = ("pk", "sort_name", *SCALARS, "notes", "organization__name", "extra", "created_at", "updated_at")
# What `contacts.pictures.choose` looks at; any other column would be one more query for each picture.
PICTURE_COLUMNS = (
    *("contact_id", "source", "source_url", "pinned", "blocked"),
    *("photo_job__file", "photo_job__stored_at", "photo_job__finished_at"),
)
FIRST_LINE = 2  # of COLUMNS: where the scalars begin

AFTER = f"({Contact._meta.db_table}.sort_name, {Contact._meta.db_table}.id) > (%s, %s)"


class Entry(NamedTuple):
    """An e-mail address, a telephone number or, with a `kind` of ContactLink, a link."""

    value: str
    label: str
    is_primary: bool = False
    kind: str = ""


class Address(NamedTuple):
    label: str
    street: str
    city: str
    region: str
    postal_code: str
    country: str


@dataclass(slots=True)
class Person:
    """One contact with its rows, in the order in which they were added; texts are clean, `extra` is as stored.

    `identities` are (source, external id, revision), oldest first. `picture` is the stored WebP, where it was asked
    for; `picture_url` is where the picture came from, else "".
    """

    id: UUID
    display_name: str
    given_name: str
    family_name: str
    nickname: str
    title: str
    department: str
    birthday: str
    notes: str
    organization: str
    extra: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    emails: list[Entry] = field(default_factory=list)
    phones: list[Entry] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    links: list[Entry] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    identities: list[tuple[str, str, str]] = field(default_factory=list)
    picture: bytes = b""
    picture_url: str = ""

    def identity(self, source: str) -> tuple[str, str]:
        """Return (external id, revision) at `source`, else the contact's own id as a URN and no revision."""
        for known, external_id, etag in self.identities:
            if known == source:
                return external_id, etag
        return f"urn:uuid:{self.id}", ""

    def has_identity(self, source: str) -> bool:
        return any(known == source for known, _, _ in self.identities)


def read_people(contacts: QuerySet[Contact], *, has_pictures: bool) -> Iterator[Person]:
    """Yield these contacts in the order of sort name and id, holding 1,000 of them, or 250 pictures, at a time."""
    contacts = contacts.order_by("sort_name", "pk")
    rows = list(contacts.values_list(*COLUMNS)[:PAGE_SIZE])
    while rows:
        last, is_last = rows[-1], len(rows) < PAGE_SIZE
        yield from _people(rows, has_pictures=has_pictures)
        if is_last:
            return
        # The row comparison is exact; the plain one tells the planner where in the index to begin.
        after = RawSQL(AFTER, (last[1], last[0]), output_field=BooleanField())  # noqa: S611 - a constant with parameters
        rows = list(contacts.filter(after, sort_name__gte=last[1]).values_list(*COLUMNS)[:PAGE_SIZE])


def _people(rows: list[tuple[Any, ...]], *, has_pictures: bool) -> Iterator[Person]:
    """Yield one page, and let go of it before the next is loaded."""
    people = {row[0]: _person(row) for row in rows}
    rows.clear()
    _load_rows(people)
    for part in _parts(list(people.values()), PICTURES_AT_ONCE if has_pictures else PAGE_SIZE):
        _load_pictures(part, has_bytes=has_pictures)
        for person in part:
            yield person
            person.picture = b""


def _parts(people: list[Person], size: int) -> Iterator[list[Person]]:
    for start in range(0, len(people), size):
        yield people[start : start + size]


def _person(row: Sequence[Any]) -> Person:
    *scalars, notes, organization, extra, created_at, updated_at = row[FIRST_LINE:]
    lines: dict[str, Any] = dict(zip(SCALARS, map(clean_line, scalars), strict=True))
    return Person(
        id=row[0],
        notes=clean_text(notes),
        organization=clean_line(organization or ""),
        extra=extra,
        created_at=created_at,
        updated_at=updated_at,
        **lines,
    )


def _load_rows(people: dict[UUID, Person]) -> None:
    """Fill the lists of a page of people, by one query for each kind."""
    for pk, value, label, is_primary in _rows(ContactEmail, people, "address", "label", "is_primary"):
        people[pk].emails.append(Entry(clean_line(value), clean_line(label), is_primary))
    for pk, value, label, is_primary in _rows(ContactPhone, people, "raw", "label", "is_primary"):
        people[pk].phones.append(Entry(_number(value), clean_line(label), is_primary))
    for pk, label, street, *lines in _rows(ContactAddress, people, *Address._fields):
        address = Address(clean_line(label), clean_text(street), *map(clean_line, lines))
        people[pk].addresses.append(address)
    for pk, kind, value, label in _rows(ContactLink, people, "kind", "value", "label"):
        people[pk].links.append(Entry(clean_line(value), clean_line(label), kind=kind))
    for pk, *identity in _rows(ExternalIdentity, people, "source", "external_id", "etag"):
        people[pk].identities.append((identity[0], identity[1], identity[2]))
    for pk, name in _rows(Contact.tags.through, people, "tag__name"):
        people[pk].tags.append(clean_line(name))
    for person in people.values():
        person.tags.sort()
        _mark_primary(person.emails)
        _mark_primary(person.phones)


def _rows(model: type[Model], people: dict[UUID, Person], *fields: str) -> Sequence[tuple[Any, ...]]:
    return list(_of(model, people).order_by("pk").values_list("contact_id", *fields))


def _of(model: type[Model], people: Iterable[UUID]) -> QuerySet[Any]:
    """Return the rows of these people; one array is a tenth of the work that a thousand parameters are."""
    condition = f"{model._meta.db_table}.contact_id = any(%s)"
    return model._default_manager.filter(RawSQL(condition, [list(people)], output_field=BooleanField()))  # noqa: S611


def _number(raw: str) -> str:
    """Return the number without the scheme of its address form, which readers leave out."""
    number = clean_line(raw)
    return number[4:].lstrip() if number[:4].lower() == "tel:" else number


def _mark_primary(entries: list[Entry]) -> None:
    """Without a primary value the first one counts as it, here as on the lists."""
    if entries and not any(map(itemgetter(2), entries)):
        entries[0] = entries[0]._replace(is_primary=True)


def _load_pictures(people: list[Person], *, has_bytes: bool) -> None:
    """Set the picture that is shown for each person, or the address of one that is still to come."""
    by_contact: dict[UUID, list[ContactPicture]] = defaultdict(list)
    pictures = _of(ContactPicture, [person.id for person in people]).filter(blocked=False)
    for picture in pictures.select_related("photo_job").only(*PICTURE_COLUMNS).order_by("pk"):
        by_contact[picture.contact_id].append(picture)
    names: dict[str, Person] = {}
    for person in people:
        chosen = choose(by_contact[person.id]).picture
        urls = (picture.source_url for picture in by_contact[person.id] if picture.source_url)
        person.picture_url = (chosen.source_url if chosen else "") or next(urls, "")
        if chosen is not None and chosen.photo_job.file.name:
            names[chosen.photo_job.file.name] = person
    if has_bytes and names:
        _load_bytes(names)


def _load_bytes(people: dict[str, Person]) -> None:
    """Load the pictures of people by the names of their files; one that is missing is left out."""
    stored = StoredFile.objects.live().filter(name__in=people).values_list("name", "blob__data")
    for name, data in stored:
        people[name].picture = bytes(data) if data is not None else _read(name)


def _read(name: str) -> bytes:
    try:
        with default_storage.open(name) as file:
            content: bytes = file.read()
            return content
    except FileNotFoundError:
        return b""
