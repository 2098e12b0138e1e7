"""Whether the cluster that this process belongs to should come to an end.

`qguard` holds the writing end of a pipe and its whole cluster inherits the reading end; nothing is ever written. When
the guard wants the cluster to stop, or dies in any way, the pipe reads as closed, in every process at once.
"""

from __future__ import annotations

import os
import select

VARIABLE = "KITH_LIFELINE"


def is_cut(*, timeout: float = 0) -> bool:
    """Return whether the guard is gone or wants an end, waiting up to `timeout` seconds for it; never without one."""
    number = os.environ.get(VARIABLE, "")
    if not number:
        return False
    poll = select.poll()
    poll.register(int(number), select.POLLIN)
    # A process that did not inherit the pipe sees POLLNVAL: it belongs to no cluster.
    return any(event & (select.POLLIN | select.POLLHUP) for _, event in poll.poll(timeout * 1_000))
