"""A worker for the tests of crashes: it runs the queue of imports and is killed, as by `kill -9`, at a given moment.

    python -m tests.imports.kill_at MOMENT NUMBER

MOMENT is the name of a function of the engine, NUMBER its call (from 1): the process dies just after that call
returned, inside its transaction; or just before, for a MOMENT that starts with `before:`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import django


def die_at(moment: str, number: int) -> None:
    """Replace the function by one that kills this process at its call number `number`."""
    is_before = moment.startswith("before:")
    path, _, name = moment.removeprefix("before:").rpartition(".")
    module = import_module(path)
    original: Callable[..., Any] = getattr(module, name)
    calls = [0]

    def counting(*args: Any, **options: Any) -> Any:
        calls[0] += 1
        if is_before and calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **options)
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(module, name, counting)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from config.jobs.draining import drain
    from imports import executing, planning, sources, undoing

    sources.PAGE_ROWS = planning.PAGE_ROWS = executing.CHUNK_ROWS = undoing.CHUNK_ROWS = 10
    undoing.MADE_AT_ONCE = 2
    if len(sys.argv) > 1:
        die_at(sys.argv[1], int(sys.argv[2]))
    drain("imports", seconds=None, is_ringing=False)
