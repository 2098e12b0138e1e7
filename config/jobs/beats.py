"""Signs of life of worker clusters.

A cluster lives when a task has gone the whole way: taken by the pusher, run by a worker, acknowledged by the monitor.
A beat written by the worker would miss a dead monitor, with which tasks are run again and again and never end.
"""

from __future__ import annotations

import os
import socket
import time
from datetime import timedelta
from typing import Any

import structlog
from django.db import Error, connection
from django_q.tasks import async_task

log = structlog.get_logger(__name__)

VARIABLE = "KITH_CLUSTER"
WRITE_SECONDS = 1.0

_written_at = float("-inf")


def cluster_name() -> str:
    """Return the name of the cluster that this process belongs to: given by its guard, else one for each machine."""
    return os.environ.get(VARIABLE) or socket.gethostname()


def ask() -> None:
    """Enqueue a task whose only use is that it comes through."""
    async_task("config.tasks.beat", task_name="beat", save=False)


def record(**_signal: Any) -> None:
    """Note that this cluster has finished a task, at most once a second; received from django-q2's monitor."""
    global _written_at
    if time.monotonic() - _written_at < WRITE_SECONDS:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into config_workerbeat (name, beat_at) values (%s, statement_timestamp()) "
                "on conflict (name) do update set beat_at = excluded.beat_at",
                [cluster_name()],
            )
        _written_at = time.monotonic()
    except Error as error:
        log.warning("beat_not_recorded", error=type(error).__name__)


def age(name: str) -> timedelta | None:
    """Return how long ago the cluster last finished a task; None if it never has."""
    with connection.cursor() as cursor:
        cursor.execute("select statement_timestamp() - beat_at from config_workerbeat where name = %s", [name])
        row = cursor.fetchone()
    return row[0] if row else None
