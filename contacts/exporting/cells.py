"""Cells that no spreadsheet takes for a formula, and back."""

from __future__ import annotations

import re

# What a spreadsheet would calculate, also in full-width form or behind a control character.
FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
QUOTED = re.compile(f"'+{FORMULA.pattern}")
TO_QUOTE = re.compile(f"'*{FORMULA.pattern}")


def safe_cell(value: str) -> str:
    """Return `value` with an apostrophe before what a spreadsheet would run as a formula."""
    return f"'{value}" if TO_QUOTE.match(value) else value


def exact_cell(value: str) -> str:
    """Return `value` so that `unquoted` gives it back: only what already looks quoted gets an apostrophe."""
    return f"'{value}" if value[:1] == "'" and QUOTED.match(value) else value


def unquoted(value: str) -> str:
    """Return the cell without the one apostrophe that stands before a formula."""
    return value[1:] if value[:1] == "'" and QUOTED.match(value) else value
