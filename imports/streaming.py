"""Read a large result in pieces, beside the transactions that write what is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from django.db import connection

FETCH_ROWS = 2_000

Item = TypeVar("Item")


@contextmanager
def stream(query: str, parameters: Mapping[str, Any]) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Give the rows of `query` from a server-side cursor that outlives the transactions inside the block.

    The server keeps the whole result as it was at the start; this process holds 2,000 rows of it.
    """
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, parameters)
        yield _rows(cursor)


def paged(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut `items` into lists of at most `size`."""
    iterator = iter(items)
    while page := list(islice(iterator, size)):
        yield page


def _rows(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(FETCH_ROWS):
        yield from rows
