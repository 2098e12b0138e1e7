"""Never more requests of one account at once than its provider takes, whoever makes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connection

from config.jobs.failures import TemporaryFailure

WAIT_SECONDS, LOOK_SECONDS = 60.0, 0.05


@contextmanager
def place(mailbox: str, *, of: int) -> Iterator[None]:
    """Hold one of the `of` places of a mailbox; waits for one, TemporaryFailure after a minute.

    Advisory locks of the session: all processes share them, and they go with a process however it ends.
    """
    number = _taken(mailbox, of)
    try:
        yield
    finally:
        try:
            _call("pg_advisory_unlock", mailbox, number)
        except Error:
            connection.close()


def _taken(mailbox: str, of: int) -> int:
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        for number in range(of):
            if _call("pg_try_advisory_lock", mailbox, number):
                return number
        time.sleep(LOOK_SECONDS)
    raise TemporaryFailure("Other jobs keep this mailbox busy.", code="mailbox_busy")


def _call(function: str, mailbox: str, number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"select {function}(hashtext(%s), %s)", [f"mailbox {mailbox}", number])
        return bool(cursor.fetchone()[0])
