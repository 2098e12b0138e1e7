"""What a reader is given and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass

from contacts.incoming import IncomingContact

RAW_MAX = 20_000


class ReadError(Exception):
    """The file as a whole cannot be read; `code` is for programs, the message for people."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may hold. Sizes are bytes, `max_cell` is characters; `max_card_bytes` does not count pictures."""

    max_rows: int = 1_000_000
    max_columns: int = 200
    max_cell: int = 131_072
    max_card_bytes: int = 1_000_000
    max_card_lines: int = 2_000
    max_photo_bytes: int = 5_242_880

    def check_rows(self, position: int) -> None:
        """Raise ReadError when there is an entry too many."""
        if position > self.max_rows:
            raise ReadError(
                f"The file has more than {self.max_rows:,} entries. Split it, or raise IMPORT_MAX_ROWS.",
                "too_many_rows",
            )

    def check_columns(self, columns: int) -> None:
        """Raise ReadError when the header is too wide."""
        if columns > self.max_columns:
            raise ReadError(
                f"The file has {columns:,} columns, more than {self.max_columns:,}. "
                "Remove some, or raise IMPORT_MAX_COLUMNS.",
                "too_many_columns",
            )


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One entry of a file, in its order.

    `position` counts from 1. `offset` is where the next entry begins, in bytes of the file: reading on from it gives
    what the full read would have given. `raw` is the entry's own text, without pictures, at most RAW_MAX characters.
    Without a `contact` the entry is invalid: `reason` is a code of `imports.reasons`, `error` a sentence. With both a
    `contact` and a `reason` it is left out unless a person decides otherwise.
    """

    position: int
    offset: int
    contact: IncomingContact | None
    raw: str
    reason: str = ""
    error: str = ""
