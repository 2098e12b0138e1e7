"""Keep a busy queue from taking every worker of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import Error, connection

from config.jobs.beats import cluster_name


@contextmanager
def lane(queue: str) -> Iterator[bool]:
    """Give whether this worker may drain `queue`: one worker of each cluster is left to the other queues.

    An advisory lock of the session; it goes with the process, however that ends. If the connection is replaced in the
    block, one drain too many may run, which does no harm.
    """
    lanes = max(1, int(str(settings.Q_CLUSTER["workers"])) - 1)
    name = f"{queue}@{cluster_name()}"
    taken = next((number for number in range(lanes) if _call("pg_try_advisory_lock", name, number)), None)
    try:
        yield taken is not None
    finally:
        if taken is not None:
            _release(name, taken)


def _release(name: str, number: int) -> None:
    try:
        _call("pg_advisory_unlock", name, number)
    except Error:
        connection.close()


def _call(function: str, name: str, number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"select {function}(hashtext(%s), %s)", [name, number])
        return bool(cursor.fetchone()[0])
