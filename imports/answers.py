"""Read what a provider answered as if a stranger had written it: any value may be missing or of another type."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from contacts.text import clean_line
from imports.readers import RAW_MAX

ITEMS_MAX = 200
TEXT_MAX = 100_000
IDENTITY_MAX = 255

Object = Mapping[str, Any]


def text(value: Object, *path: str) -> str:
    """Return the text at `path`, "" where there is none."""
    found: Any = value
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found[:TEXT_MAX] if isinstance(found, str) else ""


def identity(value: Object, key: str) -> str:
    """Return the identity at `key`, "" for one that is too long to keep, as cut ones could be equal."""
    found = clean_line(text(value, key)[: IDENTITY_MAX * 2])
    return found if len(found) <= IDENTITY_MAX else ""


def number(value: Object, key: str) -> int:
    """Return the whole number at `key`, 0 where there is none."""
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def object_at(value: Object, key: str) -> Object:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def objects(value: Object, key: str) -> list[Object]:
    """Return the objects of the list at `key`, at most 200; what is no object is left out."""
    return [item for item in _items(value, key) if isinstance(item, dict)]


def texts(value: Object, key: str) -> list[str]:
    """Return the texts of the list at `key`, at most 200."""
    return [item[:TEXT_MAX] for item in _items(value, key) if isinstance(item, str)]


def is_true(value: Object, key: str) -> bool:
    return value.get(key) is True


def misshapen(value: Object, *, lists: Sequence[str] = (), plain: Sequence[str] = ()) -> list[str]:
    """Return the keys that hold neither null nor what they should: a list of one kind of thing, or plain text."""
    wrong = [key for key in lists if not _is_list(value.get(key))]
    return wrong + [key for key in plain if not isinstance(value.get(key), str | None)]


def raw(value: Any) -> str:
    """Return `value` as JSON for people to look at, cut to what a row keeps."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)[:RAW_MAX]


def _items(value: Object, key: str) -> list[Any]:
    found = value.get(key)
    return found[:ITEMS_MAX] if isinstance(found, list) else []


def _is_list(found: Any) -> bool:
    if found is None:
        return True
    if not isinstance(found, list):
        return False
    return all(isinstance(item, dict) for item in found) or all(isinstance(item, str) for item in found)
