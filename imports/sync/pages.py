"""What every source of mail and meetings gives to a run: page after page, each with the place to go on from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from imports.accounts.sessions import ApiSession

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


@dataclass(frozen=True)
class Reading:
    """What every reading of an account starts from.

    `since` bounds a reading without a place to go on from; `known` is the place where the account's last run ended;
    `own` are the match keys of the owner's addresses.
    """

    session: ApiSession
    since: datetime
    known: Cursor
    own: frozenset[str]
    now: datetime
