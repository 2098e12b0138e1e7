"""Pages of contacts as Graph hands them out: links that must come back word for word, and delta queries by folder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from tests.providers.address_book import AddressBook, Entry
from tests.providers.exchange import Request
from tests.providers.graph_contact import contact_resource, removed_resource
from tests.providers.opaque import fingerprint, seal, unseal

IMMUTABLE = 'IdType="ImmutableId"'
TOKENS = ("$skiptoken", "$deltatoken")
DEFAULT_SIZE = 10


def place_of(request: Request, *, until: int, size: int, age: int) -> dict[str, Any] | None:
    """Return where a listing stands; None when its token was made up, changed, or moved to other parameters.

    `since` and `until` are versions of the address book (since None: everybody), `at` the next number or version, `age`
    the generation of tokens, `size` and `select` those of the first call.
    """
    kind, token = next(((kind, request.parameter(kind)) for kind in TOKENS if request.parameter(kind)), ("", ""))
    if not token:
        chosen = sorted(selected(request))
        start = {"since": None, "until": until, "at": 0, "size": size, "select": chosen}
        return {**start, "age": age, "path": request.path}
    place = unseal(token) or {}
    wanted = {"kind": kind, "path": request.path, "print": _print(request)}
    if not wanted.items() <= place.items():
        return None
    return {**place, "until": until} if kind == "$deltatoken" else place


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the addresses of other pages of a listing."""

    address: str
    request: Request
    place: dict[str, Any]

    def to(self, kind: str, **changed: Any) -> str:
        kept = [(name, value) for name, value in parse_qsl(self.request.query) if name not in TOKENS]
        token = seal(**{**self.place, "kind": kind, "print": _print(self.request), **changed})
        return f"{self.address}{quote(self.request.path)}?{urlencode([*kept, (kind, token)])}"


def one_page(book: AddressBook, folder: int, links: Links, *, is_delta: bool) -> dict[str, Any]:
    """Return `value` and the link that goes on: to the next page, or after the last of a delta query to its changes."""
    found, following = _cut(book, links.place, folder)
    fields = frozenset(links.place["select"])
    is_immutable = wants_immutable(links.request)
    value = [_item(entry, folder, is_immutable=is_immutable, fields=fields) for entry in found]
    if following is not None:
        return {"value": value, "@odata.nextLink": links.to("$skiptoken", at=following)}
    if not is_delta:
        return {"value": value}
    until = links.place["until"]
    return {"value": value, "@odata.deltaLink": links.to("$deltatoken", at=until, since=until)}


def selected(request: Request) -> frozenset[str]:
    return frozenset(part for part in request.parameter("$select").split(",") if part)


def page_size(request: Request, *, is_delta: bool) -> int:
    """Return `$top`, or for delta queries `Prefer: odata.maxpagesize`; 10 where nothing is said."""
    if not is_delta:
        return int(request.parameter("$top", str(DEFAULT_SIZE)))
    wanted = [part.partition("=")[2] for part in _preferences(request) if part.startswith("odata.maxpagesize=")]
    return int(wanted[0]) if wanted else DEFAULT_SIZE


def wants_immutable(request: Request) -> bool:
    return IMMUTABLE.casefold() in [part.casefold() for part in _preferences(request)]


def _preferences(request: Request) -> list[str]:
    return [part.strip() for line in request.headers.get_all("Prefer", []) for part in line.split(",")]


def _print(request: Request) -> str:
    return fingerprint(request.parameters, without=TOKENS)


def _item(entry: Entry, folder: int, *, is_immutable: bool, fields: frozenset[str]) -> dict[str, Any]:
    if entry.person is None or entry.person.folder != folder:
        return removed_resource(entry, folder=folder, is_immutable=is_immutable)
    return contact_resource(entry, is_immutable=is_immutable, fields=fields)


def _cut(book: AddressBook, place: dict[str, Any], folder: int) -> tuple[list[Entry], int | None]:
    """Return the entries of one page and the `at` of the next, None after the last."""
    size = place["size"]
    if place["since"] is None:
        found = list(islice(book.entries(start=place["at"], folder=folder), size + 1))
        return found[:size], found[size].number if len(found) > size else None
    changes = [
        entry
        for entry in book.changes(after=place["at"], until=place["until"])
        if (entry.person and entry.person.folder == folder) or book.was_in(entry.number, folder)
    ]
    return changes[:size], changes[size - 1].version if len(changes) > size else None
