"""The functions that django-q2 calls."""

from __future__ import annotations

from config.jobs import draining


def drain_queue(queue: str) -> int:
    """Run what is due in `queue`; enqueued by `ring`. Returns the number of jobs handled."""
    return draining.drain(queue).processed
