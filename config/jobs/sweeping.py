"""What must happen again and again for leased jobs to be safe: reap, wake up, prune."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.db import connection
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage

from config.jobs.bell import ring
from config.jobs.claiming import is_due
from config.jobs.draining import queues, reap_all
from config.jobs.models import JobAttempt, ScheduleSlot, WorkerBeat

log = structlog.get_logger(__name__)

BATCH = 1_000
MAX_BATCHES = 50

# The tables are append-only, so the lowest ids are the oldest rows: no index on the time is needed.
PRUNE_OLDEST = """
    delete from {table} where id in (
        select id from (select id, {column} from {table} order by id limit %s) oldest
        where {column} < statement_timestamp() - %s * interval '1 day'
    )
"""

PRUNE = """
    delete from {table} where {key} in (
        select {key} from {table} where {column} < statement_timestamp() - %s * interval '1 day' limit %s
    )
"""


def sweep() -> None:
    """Return dead workers' jobs, wake the workers of every queue with due jobs, remove what has had its time."""
    reaped = reap_all()
    if reaped:
        log.warning("jobs_reaped", count=reaped)
    wake()
    prune()


def wake() -> None:
    """Ring for every queue that has due jobs."""
    for queue in queues.values():
        if is_due(queue.model):
            ring(queue.name)


def prune() -> None:
    """Delete attempts after 30 days, slots after 15, results of django-q2 and beats after 7, and unreadable tasks."""
    _in_batches(lambda: _prune_oldest(JobAttempt._meta.db_table, "finished_at", days=30))
    # Longer than the longest period of a schedule: a task may be delivered again.
    _in_batches(lambda: _prune_oldest(ScheduleSlot._meta.db_table, "started_at", days=15))
    _in_batches(lambda: _prune(Task._meta.db_table, "id", "stopped", days=7))
    _in_batches(lambda: _prune(WorkerBeat._meta.db_table, "name", "beat_at", days=7))
    drop_unreadable()


def drop_unreadable() -> int:
    """Delete queued tasks that cannot be decoded, as each would kill django-q2's pusher for ever; their number."""
    bad = [row.pk for row in OrmQ.objects.order_by("pk")[:BATCH] if not _is_readable(row.payload)]
    if bad:
        OrmQ.objects.filter(pk__in=bad).delete()
    return len(bad)


def _is_readable(payload: str) -> bool:
    try:
        SignedPackage.loads(payload)
    except Exception as error:
        log.exception("unreadable_task", error=type(error).__name__)
        return False
    return True


def _in_batches(delete: Callable[[], int]) -> None:
    for _ in range(MAX_BATCHES):
        if delete() < BATCH:
            return


def _prune_oldest(table: str, column: str, *, days: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(PRUNE_OLDEST.format(table=table, column=column), [BATCH, days])
        return int(cursor.rowcount)


def _prune(table: str, key: str, column: str, *, days: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(PRUNE.format(table=table, key=key, column=column), [days, BATCH])
        return int(cursor.rowcount)
