"""Requests to one mailbox: with lasting ids, and never more than four at once, whoever makes them.

https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error, connection

from config.jobs.failures import TemporaryFailure
from imports.accounts.sessions import ApiSession, api_session
from imports.models import ProviderAccount

AT_ONCE = 4
WAIT_SECONDS, LOOK_SECONDS = 60.0, 0.05
# Ids that stay when a contact is moved to another folder: https://learn.microsoft.com/graph/outlook-immutable-id
IMMUTABLE = 'IdType="ImmutableId"'


class Mailbox:
    """The Graph API for one account; used in a `with` block, by one thread."""

    def __init__(self, account: ProviderAccount) -> None:
        self.account_id = account.pk
        self._api: ApiSession = api_session(account, base_url=settings.MICROSOFT_GRAPH_URL)

    def __enter__(self) -> Mailbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.__exit__()

    def get(self, path: str, *, params: Mapping[str, str | int] | None = None, page_size: int = 0) -> dict[str, Any]:
        """Return the object at `path` below /v1.0."""
        with place(self.account_id):
            return self._api.get(f"/v1.0{path}", params=params, headers=preferences(page_size))

    def follow(self, link: str, *, page_size: int = 0) -> dict[str, Any]:
        """Return what a next or delta link leads to, word for word; one to another host is refused."""
        with place(self.account_id):
            return self._api.follow(link, headers=preferences(page_size))

    def batch(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        """Send up to 20 requests as one; each has an answer of its own."""
        with place(self.account_id):
            return self._api.post("/v1.0/$batch", {"requests": parts}, headers=preferences())


def preferences(page_size: int = 0) -> dict[str, str]:
    """Return the header that every request carries; Graph takes the size of delta pages in it, too."""
    return {"Prefer": f"{IMMUTABLE}, odata.maxpagesize={page_size}" if page_size else IMMUTABLE}


@contextmanager
def place(account_id: UUID) -> Iterator[None]:
    """Hold one of the four places of a mailbox; waits for one, TemporaryFailure after a minute.

    Advisory locks of the session: all processes share them, and they go with a process however it ends.
    """
    number = _taken(account_id)
    try:
        yield
    finally:
        try:
            _call("pg_advisory_unlock", account_id, number)
        except Error:
            connection.close()


def _taken(account_id: UUID) -> int:
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        for number in range(AT_ONCE):
            if _call("pg_try_advisory_lock", account_id, number):
                return number
        time.sleep(LOOK_SECONDS)
    raise TemporaryFailure("Other jobs of this account keep Microsoft busy.", code="mailbox_busy")


def _call(function: str, account_id: UUID, number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"select {function}(hashtext(%s), %s)", [f"mailbox {account_id}", number])
        return bool(cursor.fetchone()[0])
