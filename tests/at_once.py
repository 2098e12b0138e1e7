"""Two of the same thing at once: the second is let go on only when it waits for a lock that the first one holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection, transaction

Result = TypeVar("Result")

# pg_blocking_pids is of this moment, while pg_stat_activity stays as it was when the transaction first looked.
WAITING = "select exists (select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))"


@contextmanager
def second_of_two(act: Callable[[], Result]) -> Iterator[Future[Result]]:
    """Run the block in a transaction, and `act` in a thread, which meets what the block has locked.

    The transaction is committed once `act` waits for it; then its result can be had.
    """

    def acting() -> Result:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        second: Future[Result] = Future()
        with transaction.atomic():
            yield second
            running = threads.submit(acting)
            _until_one_waits(running)
        _pass_on(running, second)


def _until_one_waits(running: Future[Result]) -> None:
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            if cursor.fetchone() == (True,) or running.done():
                return
        time.sleep(0.01)
    raise AssertionError("The second never came as far as the lock.")


def _pass_on(running: Future[Result], second: Future[Result]) -> None:
    problem = running.exception()
    if problem is not None:
        second.set_exception(problem)
    else:
        second.set_result(running.result())
