"""What the single values of a contact become when it takes over another; rows are as `to_jsonb` gives them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from contacts.names import sort_name

Values = dict[str, Any]
"""A row of Contact by column: texts, `organization_id`, `extra`, `locked_fields`, times as text."""

# The fields that a person may choose between, with their columns.
CHOSEN = {
    "display_name": "display_name",
    "given_name": "given_name",
    "family_name": "family_name",
    "nickname": "nickname",
    "organization": "organization_id",
    "title": "title",
    "department": "department",
    "birthday": "birthday",
    "notes": "notes",
}
WRITTEN = (*CHOSEN.values(), "sort_name", "extra", "locked_fields")
NAME_PARTS = ("given_name", "family_name")


def choose_values(survivor: Values, loser: Values, *, take: Collection[str], notes_of_both: bool = False) -> Values:
    """Return the survivor's row with the fields in `take` from the loser.

    Where the two differ a person has decided, so the field is locked against later imports; so is what was written by
    hand on either side.
    """
    result = {**survivor, **{CHOSEN[field]: loser[CHOSEN[field]] for field in take}}
    if notes_of_both:
        result["notes"] = _both(survivor["notes"], loser["notes"])
    by_hand = loser["locked_fields"]
    decided = {field for field, column in CHOSEN.items() if survivor[column] != loser[column] or field in by_hand}
    return _finished(result, survivor, loser, locked=decided)


def fill_values(survivor: Values, loser: Values) -> Values:
    """Return the survivor's row with its blanks filled; the loser's value wins where only that was written by hand.

    Given and family name go together. The notes of both are kept.
    """
    by_hand = set(loser["locked_fields"]) - set(survivor["locked_fields"])
    taken = {
        field
        for field, column in CHOSEN.items()
        if loser[column] and field != "notes" and (not survivor[column] or field in by_hand)
    }
    if any(survivor[part] for part in NAME_PARTS) and not by_hand & set(NAME_PARTS):
        taken -= set(NAME_PARTS)
    result = {**survivor, **{CHOSEN[field]: loser[CHOSEN[field]] for field in taken}}
    result["notes"] = _both(survivor["notes"], loser["notes"])
    kept = {field for field, column in CHOSEN.items() if result[column] == loser[column] or field == "notes"}
    return _finished(result, survivor, loser, locked=kept & set(loser["locked_fields"]))


def _finished(result: Values, survivor: Values, loser: Values, *, locked: Collection[str]) -> Values:
    if any(result[name] != survivor[name] for name in ("display_name", *NAME_PARTS)):
        names = {name: result[name] for name in ("display_name", *NAME_PARTS)}
        result["sort_name"] = sort_name(**names)
    result["extra"] = _united(survivor["extra"], loser["extra"])
    result["locked_fields"] = sorted({*survivor["locked_fields"], *locked})
    result["facts_at"] = max(filter(None, (survivor["facts_at"], loser["facts_at"])), default=None)
    return result


def _both(first: str, second: str) -> str:
    if not second or second in first:
        return first
    return f"{first}\n\n{second}" if first else second


def _united(first: Any, second: Any) -> Any:
    """Return `first` with what only `second` has; lists are joined without repeats."""
    if isinstance(first, dict) and isinstance(second, dict):
        shared = {key: _united(first[key], value) if key in first else value for key, value in second.items()}
        return {**first, **shared}
    if isinstance(first, list) and isinstance(second, list):
        return first + [entry for entry in second if entry not in first]
    return first
