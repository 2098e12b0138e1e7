"""Run a piece of work again and again, killed with SIGKILL one step later each time; a real process for each.

A step is one statement of the database or one call of the `files` tier, and there is a death before and after each.
Usage: python -m tests.media_store.killed SCENARIO FOLDER STRIDE; prints one JSON object for each death.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

LIMIT = 400


class Steps:
    """Counts the steps of this process and kills it at the one it was told."""

    taken, last = 0, sys.maxsize

    @classmethod
    def take(cls) -> None:
        cls.taken += 1
        if cls.taken == cls.last:
            os.kill(os.getpid(), signal.SIGKILL)


def around_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    Steps.take()
    result = execute(sql, params, many, context)
    Steps.take()
    return result


class SteppedStorage(FileSystemStorage):
    """A folder in which a process may die before, within and after each call."""

    def _save(self, name: str, content: File[bytes]) -> str:
        Steps.take()
        name = super()._save(name, _Pieces(content))  # type: ignore[misc]
        Steps.take()
        return name

    def delete(self, name: str) -> None:
        Steps.take()
        super().delete(name)
        Steps.take()


class _Pieces(File):  # type: ignore[type-arg]
    """Dies in the middle of being written, too."""

    def __init__(self, content: File[bytes]) -> None:
        super().__init__(content.file, name=content.name)
        self._content = content

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        for piece in self._content.chunks(chunk_size or 400_000):
            yield piece
            Steps.take()


def run(scenario: str, folder: Path, *, stride: int = 1) -> int:
    """Kill the scenario at every `stride`-th of its steps and print what is left; return 1 if it failed by itself."""
    from django.conf import settings
    from django.db import connection, connections

    from tests.media_store import kill_scenarios

    disk = {"BACKEND": "tests.media_store.killed_steps.SteppedStorage", "OPTIONS": {"location": folder}}
    settings.STORAGES = {**settings.STORAGES, "files": disk}
    kill_scenarios.prepare()
    for step in range(1, LIMIT, stride):
        kill_scenarios.before_each()
        connections.close_all()
        child = os.fork()
        if not child:
            Steps.taken, Steps.last = 0, step
            with connection.execute_wrapper(around_statement):
                kill_scenarios.SCENARIOS[scenario]()
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(json.dumps({"step": step, "killed": is_killed, **kill_scenarios.state()}), flush=True)
        if not is_killed:
            return int(status != 0)
    return 1
