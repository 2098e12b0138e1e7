"""Work that is killed, as by `kill -9`, at a chosen statement; in a forked process, as starting one takes seconds."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from django.db import connection, connections

Work = Callable[[], object]


def statements_of(work: Work) -> int:
    """Do the work to its end and return how many statements it takes."""
    calls = _Calls()
    with connection.execute_wrapper(calls):
        work()
    return calls.number


def is_killed_at(work: Work, number: int, *, is_before: bool) -> bool:
    """Do the work in a process that dies before or after its statement `number`; False when it came to its end first.

    What the dead process had not committed is gone with its connection, which the next statement here may wait for.
    """
    connections.close_all()  # a forked process must not speak on a connection of ours
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of pytest's are not used by the child
        child = os.fork()
    if child == 0:
        _die_at(work, number, is_before=is_before)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"the work failed by itself: {status}"
    return status == signal.SIGKILL


class _Calls:
    """Counts statements, and kills its process at one of them."""

    def __init__(self, kill_at: int = 0, *, is_before: bool = False) -> None:
        self.number, self.kill_at, self.is_before = 0, kill_at, is_before

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.number += 1
        if self.number == self.kill_at and self.is_before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = execute(sql, params, many, context)
        if self.number == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def _die_at(work: Work, number: int, *, is_before: bool) -> None:
    """Run in the child; never returns."""
    code = 1
    try:
        with connection.execute_wrapper(_Calls(number, is_before=is_before)):
            work()
        connections.close_all()
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)
