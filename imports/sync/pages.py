"""What every source of mail and meetings gives to a run: page after page, each with the place to go on from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

Item = TypeVar("Item")
Cursor = dict[str, Any]


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A part of a mailbox or calendar.

    `cursor` is where the run goes on after it. The last page has `account_cursor`, from which the next run will start.
    `left_out` counts by reason what was seen and cannot be recorded.
    """

    items: list[Item]
    cursor: Cursor
    seen: int
    left_out: Counter[str] = field(default_factory=Counter)
    account_cursor: Cursor | None = None


class Source(Protocol[Item]):
    """`name` is the `source` of the events that come of it."""

    name: str

    def pages(self, cursor: Cursor) -> Iterator[Page[Item]]:
        """Yield the pages from `cursor` on, the cursor of a page or empty; asks the provider, writes nothing."""
