"""The functions that django-q2 calls."""

from __future__ import annotations

from config.jobs import bell, draining
from config.jobs.claiming import is_due
from config.jobs.lanes import lane


def drain_queue(queue: str) -> int:
    """Run what is due in `queue`; enqueued by `ring`. Returns the number of jobs handled.

    A wake-up that finds its queue's lane taken ends at once: whoever holds the lane looks again after leaving it.
    """
    with lane(queue) as is_free:
        if not is_free:
            return 0
        drained = draining.drain(queue, is_ringing=False)
    if is_due(draining.queues[queue].model):
        bell.ring(queue)
    return drained.processed


def beat() -> None:
    """Come through: what counts is noted by config.jobs.beats when this task is acknowledged."""
