"""What every source of contacts gives to an import, a file as well as an account: page after page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from imports.readers import ReadRow

Cursor = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A part of a source, in its order; the positions of its rows follow those of the page before.

    `cursor` is where the reading goes on after it; `position` in it is that of the last row. `renamed` are identities
    that the source has changed, the former and the present one. `account_cursor`, on the last page of an account, is
    where its next import begins.
    """

    rows: list[ReadRow]
    cursor: Cursor
    renamed: Mapping[str, str] = field(default_factory=dict)
    account_cursor: Cursor | None = None


class Source(Protocol):
    """Where the contacts of one import come from."""

    def pages(self) -> Iterator[Page]:
        """Yield the pages from the job's cursor on; asks files and providers, writes nothing.

        Raises ReadError for a file that cannot be read, and the failures of config.jobs for a provider.
        """
