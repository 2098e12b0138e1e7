"""What one person's entry adds to another: duplicates in a file, and an entry beside the contact it was matched to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from contacts.matching import is_real_name, name_words, names_agree
from contacts.names import sort_name
from imports.entries import LISTS, SCALARS, Parsed, not_among

NAMES = ("display_name", "given_name", "family_name")

Changes = dict[str, Any]
"""`fields`: {name: {"old", "new"}}; each of LISTS: entries to add; `identity`: external id; `photo`: new source."""


def unite(first: Parsed, later: Parsed) -> Parsed:
    """Return `first` with its blanks filled and its lists completed from `later`, a duplicate in the same file."""
    united = {**later, **first, **_filled_names(first, later)}
    for kind in LISTS:
        if entries := [*first.get(kind, []), *_additions(first, later, kind=kind)]:
            united[kind] = entries
    if extra := {**later.get("extra", {}), **first.get("extra", {})}:
        united["extra"] = extra
    if problems := list(dict.fromkeys([*first.get("problems", []), *later.get("problems", [])])):
        united["problems"] = problems
    return united


def difference(current: Parsed, incoming: Parsed, *, is_overwriting: bool, locked: Collection[str]) -> Changes:
    """Return what importing `incoming` writes to the contact whose values are `current`; empty when nothing.

    Single values fill blanks, or replace what is there when `is_overwriting`; blanks never do. Lists are united.
    `locked` names fields that a person edited by hand: these stay.
    """
    wanted = _wanted_scalars(current, incoming, is_overwriting=is_overwriting)
    if extra := _wanted_extra(current, incoming, is_overwriting=is_overwriting):
        wanted["extra"] = extra
    fields = {
        name: {"old": current.get(name, _blank(name)), "new": value}
        for name, value in wanted.items()
        if name not in locked and value != current.get(name)
    }
    _follow_names(fields, current)
    changes: Changes = {"fields": fields} if fields else {}
    for kind in LISTS:
        if kind not in locked and (added := _additions(current, incoming, kind=kind)):
            changes[kind] = added
    return changes


def _wanted_scalars(current: Parsed, incoming: Parsed, *, is_overwriting: bool) -> Parsed:
    names = {name: incoming[name] for name in NAMES if incoming.get(name)}
    if not is_real_name(incoming):
        names.pop("display_name", None)
    if not is_overwriting:
        filled = _filled_names(current, incoming)
        names = {name: value for name, value in names.items() if filled.get(name) == value}
    others = {
        name: incoming[name]
        for name in SCALARS
        if name not in NAMES and incoming.get(name) and (is_overwriting or not current.get(name))
    }
    return {**names, **others}


def _filled_names(first: Parsed, later: Parsed) -> Parsed:
    """Return the names of `first` completed from `later`; two different names are never mixed into a third one."""
    if not names_agree(name_words(first), name_words(later)):
        return {name: first.get(name, "") for name in (*NAMES, "sort_name")}
    names = {name: first.get(name) or later.get(name, "") for name in NAMES}
    if not is_real_name(first) and is_real_name(later):
        names["display_name"] = later["display_name"]
    return {**names, "sort_name": sort_name(**names)}


def _wanted_extra(current: Parsed, incoming: Parsed, *, is_overwriting: bool) -> Parsed:
    known, new = current.get("extra") or {}, incoming.get("extra") or {}
    if not new:
        return {}
    return {**known, **new} if is_overwriting else {**new, **known}


def _follow_names(fields: dict[str, Any], current: Parsed) -> None:
    """Let the sort name follow the names that change."""
    if not fields.keys() & set(NAMES):
        return
    names = {name: fields[name]["new"] if name in fields else current.get(name, "") for name in NAMES}
    if (new := sort_name(**names)) != current.get("sort_name"):
        fields["sort_name"] = {"old": current.get("sort_name", ""), "new": new}


def _additions(first: Parsed, later: Parsed, *, kind: str) -> list[Any]:
    """Return the entries of `later` that `first` lacks; none is primary where there already was one."""
    known = first.get(kind) or []
    fresh = not_among(known, later.get(kind) or [], kind=kind)
    if kind not in ("emails", "phones") or not known:
        return fresh
    return [{name: value for name, value in entry.items() if name != "is_primary"} for entry in fresh]


def _blank(name: str) -> Any:
    return {} if name == "extra" else ""
