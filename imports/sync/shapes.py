"""Read pages of mail and meetings as if a stranger had written them.

Missing and null are nothing; a value of another type than documented costs its item (Misshapen), never the run. A page
whose list or place cannot be read is asked for again: going on after it could pass over what it held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from config.jobs.failures import TemporaryFailure
from imports.answers import Object, object_at, text
from imports.sync.headers import Unusable

PLACE_MAX = 8_000
PARTS_MAX = 5_000
EARLIEST_YEAR = 1980

Found = TypeVar("Found")


class Misshapen(Exception):
    """Some part of an item is of another type than the provider documents."""


def bad_page(provider: str) -> TemporaryFailure:
    return TemporaryFailure(f"{provider} sent a page that cannot be read.", code="bad_answer")


def items_of(answer: Object, key: str, *, provider: str, is_optional: bool = False) -> list[Any]:
    """Return the page's items, whatever they are; one without a list is a bad page, unless the list `is_optional`."""
    found = answer.get(key, [] if is_optional else None)
    if not isinstance(found, list):
        raise bad_page(provider)
    return found


def place_in(answer: Object, key: str, *, provider: str) -> str:
    """Return the token or link at `key`, "" where there is none; one that could not be kept makes a bad page."""
    found = answer.get(key, "")
    if not isinstance(found, str) or len(found) > PLACE_MAX or not found.isprintable():
        raise bad_page(provider)
    return found


def read_each(
    items: Iterable[Any], read: Callable[[Object], Found | None], *, unreadable: str
) -> tuple[list[Found], Counter[str]]:
    """Return what `read` makes of the items, without Nones, and how many were left out by the reason why."""
    made: list[Found] = []
    left_out: Counter[str] = Counter()
    for item in items:
        try:
            found = read(as_object(item))
        except Misshapen:
            left_out[unreadable] += 1
        except Unusable as problem:
            left_out[str(problem)] += 1
        else:
            made += [] if found is None else [found]
    return made, left_out


def words(item: Object, *path: str) -> str:
    """Return the text at `path`, "" where there is none."""
    for key in path[:-1]:
        item = part(item, key)
    _require(item.get(path[-1]), str)
    return text(item, path[-1])


def part(item: Object, key: str) -> Object:
    """Return the object at `key`, an empty one where there is none."""
    _require(item.get(key), dict)
    return object_at(item, key)


def identity_of(item: Object) -> str:
    """Return the item's id; one without is Misshapen."""
    found = words(item, "id")
    if not found:
        raise Misshapen
    return found


def flag(item: Object, key: str) -> bool:
    _require(item.get(key), bool)
    return bool(item.get(key))


def parts(item: Object, key: str) -> list[Object]:
    """Return the objects of the list at `key`, at most 5,000."""
    found = item.get(key)
    _require(found, list)
    return [as_object(entry) for entry in (found or [])[:PARTS_MAX]]


def moment(value: str) -> datetime | None:
    """Read an ISO 8601 time as UTC, which it is without an offset; None for "", Misshapen for what is no time."""
    try:
        read = datetime.fromisoformat(value) if value else None
        return read and (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Misshapen from None


def credible(at: datetime) -> datetime:
    """Return `at`; Unusable for a time before there was any mail."""
    if at.year < EARLIEST_YEAR:
        raise Unusable("an impossible date")
    return at


def changed_at(item: Object, key: str, *, now: datetime) -> datetime:
    """Return when the item was changed, `now` where that is not said: Google says year 0 of some deleted events."""
    try:
        found = moment(words(item, key))
    except Misshapen:
        return now
    return min(found, now) if found and found.year >= EARLIEST_YEAR else now


def as_object(found: Any) -> Object:
    """Return `found`, which must be an object."""
    if not isinstance(found, dict):
        raise Misshapen
    return found


def _require(found: Any, kind: type) -> None:
    if found is not None and not isinstance(found, kind):
        raise Misshapen
