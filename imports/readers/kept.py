"""What our own exports carry along for fields that no other program has.

A stranger may write the same, so everything is checked and cut as if it came from the source that it names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from contacts.composing import Composer
from contacts.text import clean_line, clean_text

ENTRIES_MAX = 100
VALUE_MAX = 2_000
NAME_MAX = 200
VCARD = "vcard"
SOURCE_MAX = 20
CARD_SIZE = 3  # name, parameters, value


def keep_columns(composer: Composer, source: str, columns: Mapping[Any, Any]) -> None:
    """Keep column -> value of another source in `extra`, at most 100 of each."""
    source = clean_line(source)[:SOURCE_MAX]
    if not source or source == VCARD:
        return
    kept = composer.contact.extra.setdefault(source, {})
    if isinstance(kept, dict):
        for column, value in columns.items():
            if isinstance(column, str) and isinstance(value, str) and len(kept) < ENTRIES_MAX:
                kept[clean_line(column)[:NAME_MAX] or "?"] = clean_text(value[:VALUE_MAX])


def read_data(text: str, composer: Composer) -> None:
    """Add what the "Kith Data" columns of our CSV hold: values that Google's columns cannot say, and `extra`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        composer.add_problem("The column Kith Data is damaged; the other columns were read.")
        return
    if not isinstance(data, dict):
        return
    for value, label, is_primary in _rows(data, "emails"):
        composer.add_email(value, label=label, is_primary=is_primary)
    for value, label, is_primary in _rows(data, "phones"):
        composer.add_phone(value, label=label, is_primary=is_primary)
    for value, label, _ in _rows(data, "links.url"):
        composer.add_url(value, label=label)
    for kind in ("social", "im"):
        for value, label, _ in _rows(data, f"links.{kind}"):
            _add_profile(composer, value, label, kind=kind)
    for row in _lists(data, "addresses"):
        if len(row) == 6 and all(isinstance(part, str) for part in row):
            label, street, city, region, code, country = row
            composer.add_address(
                label=label, street=street, city=city, region=region, postal_code=code, country=country
            )
    for tag in _list(data, "tags"):
        if isinstance(tag, str):
            composer.add_tag(tag)
    _keep_extra(composer, data.get("extra"))


def _add_profile(composer: Composer, value: str, label: str, *, kind: str) -> None:
    if kind == "social" and value.lower().startswith(("http://", "https://")):
        composer.add_url(value, label=label, kind=kind)
    else:
        composer.add_handle(value, label=label, kind=kind)


def _keep_extra(composer: Composer, extra: object) -> None:
    if not isinstance(extra, dict):
        return
    for source, columns in extra.items():
        if isinstance(columns, dict):
            keep_columns(composer, source, columns)
    properties = [entry for entry in _lists(extra, VCARD) if _is_property(entry)]
    if properties:
        composer.contact.extra[VCARD] = [
            [name, params, value[:VALUE_MAX]] for name, params, value in properties[:ENTRIES_MAX]
        ]


def _is_property(entry: list[Any]) -> bool:
    if len(entry) != CARD_SIZE or not isinstance(entry[1], dict):
        return False
    name, params, value = entry
    is_text = isinstance(name, str) and isinstance(value, str) and len(name) <= NAME_MAX
    values = [value for values in params.values() for value in (values if isinstance(values, list) else [None])]
    return is_text and all(isinstance(value, str) and len(value) <= VALUE_MAX for value in values)


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    found = data.get(name)
    return found[: ENTRIES_MAX * 2] if isinstance(found, list) else []


def _lists(data: Mapping[str, Any], name: str) -> list[list[Any]]:
    return [row for row in _list(data, name) if isinstance(row, list)]


def _rows(data: Mapping[str, Any], name: str) -> list[tuple[str, str, bool]]:
    """Return (value, label, is primary) of each well-formed row."""
    rows = [row for row in _lists(data, name) if len(row) == CARD_SIZE]
    return [(row[0], row[1], row[2] is True) for row in rows if isinstance(row[0], str) and isinstance(row[1], str)]
