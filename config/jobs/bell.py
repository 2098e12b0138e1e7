"""Wake the workers of a queue. A lost wake-up costs at most one sweep; the rows are the truth."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction
from django_q.tasks import async_task


@dataclass(frozen=True)
class _Rung:
    """Marks a queue as rung in the current transaction.

    Kept among Django's on-commit hooks, because these are dropped with a rolled-back savepoint just as the wake-up is.
    """

    queue: str

    def __call__(self) -> None:
        """Nothing is left to do at the commit."""


def ring(queue: str) -> None:
    """Enqueue one drain of `queue`, at most one for each transaction.

    django-q2's ORM broker writes to the same database: inside a transaction the wake-up commits with the rows.
    """
    mark = _Rung(queue)
    if connection.in_atomic_block:
        if any(entry[1] == mark for entry in connection.run_on_commit):
            return
        transaction.on_commit(mark)
    async_task("config.tasks.drain_queue", queue, task_name=f"drain {queue}")
