"""What an ImportRow keeps of a person (`parsed`): IncomingContact as JSON, without blanks and without doubles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from contacts.incoming import IncomingAddress, IncomingContact, IncomingEmail, IncomingLink, IncomingPhone
from contacts.names import sort_name

Parsed = dict[str, Any]
"""Scalars by the names of SCALARS; lists of objects by the names of LISTS, as IncomingContact has them."""

SCALARS = (
    "display_name",
    "given_name",
    "family_name",
    "nickname",
    "organization",
    "title",
    "department",
    "birthday",
    "notes",
)
NO_NAME = "Unnamed"


def _by_email(entry: Mapping[str, Any]) -> set[Any]:
    return {entry.get("normalized") or entry["address"].casefold()}


def _by_phone(entry: Mapping[str, Any]) -> set[Any]:
    return {entry["raw"], entry.get("e164") or entry["raw"]}


def _by_address(entry: Mapping[str, Any]) -> set[Any]:
    parts = ("street", "postal_code", "city", "region", "country")
    return {tuple(str(entry.get(part) or "").casefold() for part in parts)}


def _by_link(entry: Mapping[str, Any]) -> set[Any]:
    return {(entry["kind"], entry["value"])}


def _by_name(entry: str) -> set[Any]:
    return {entry}


KEYS: dict[str, Callable[[Any], set[Any]]] = {
    "emails": _by_email,
    "phones": _by_phone,
    "addresses": _by_address,
    "links": _by_link,
    "tags": _by_name,
}
LISTS = tuple(KEYS)
FIELDS = {
    "emails": tuple(field.name for field in fields(IncomingEmail)),
    "phones": tuple(field.name for field in fields(IncomingPhone)),
    "addresses": tuple(field.name for field in fields(IncomingAddress)),
    "links": tuple(field.name for field in fields(IncomingLink)),
}


def to_parsed(contact: IncomingContact) -> Parsed:
    """Return the JSON form of `contact`; a person without a name is shown by the first thing that is known."""
    parsed: Parsed = {name: value for name in SCALARS if (value := getattr(contact, name))}
    for name in LISTS:
        values = getattr(contact, name)
        if values:
            entries = values if name == "tags" else [_without_blanks(value, FIELDS[name]) for value in values]
            parsed[name] = not_among([], entries, kind=name) if len(entries) > 1 else entries
    for name in ("emails", "phones"):
        if name in parsed and not any(entry.get("is_primary") for entry in parsed[name]):
            parsed[name][0]["is_primary"] = True
    for name in ("extra", "problems"):
        if value := getattr(contact, name):
            parsed[name] = value
    parsed.setdefault("display_name", _fallback_name(parsed))
    parsed["sort_name"] = contact.sort_name or sort_name(display_name=parsed["display_name"])
    return parsed


def content_identity(parsed: Parsed) -> str:
    """Return an identity made of the content for a person whom neither e-mail nor phone can identify; else "".

    Without it, the same file read twice would make such people twice.
    """
    has_key = any(entry.get("normalized") for entry in parsed.get("emails", []))
    has_key = has_key or any(entry.get("e164") for entry in parsed.get("phones", []))
    if has_key:
        return ""
    content = json.dumps({**parsed, "problems": None}, sort_keys=True)
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def not_among(known: Iterable[Any], new: Iterable[Any], *, kind: str) -> list[Any]:
    """Return those of `new` that are neither in `known` nor twice in `new`; `kind` is one of LISTS."""
    keys_of = KEYS[kind]
    seen: set[Any] = set()
    for entry in known:
        seen |= keys_of(entry)
    fresh = []
    for entry in new:
        keys = keys_of(entry)
        if not keys & seen:
            fresh.append(entry)
        seen |= keys
    return fresh


def _without_blanks(entry: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(entry, name))}


def _fallback_name(parsed: Parsed) -> str:
    for kind, field in (("emails", "address"), ("phones", "raw")):
        for entry in parsed.get(kind, []):
            return str(entry[field])
    return str(parsed.get("organization") or NO_NAME)
