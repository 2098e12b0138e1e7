"""Real processes on the database of the running test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from django.conf import settings


def environment() -> dict[str, str]:
    """Return the environment for a process with the queue of tests.faults.queue; DATABASE_URL is the test's already."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.faults.settings", "PYTHONPATH": str(settings.BASE_DIR)}


@contextmanager
def running(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run `python ARGUMENTS` and kill it, and all below it, at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, *arguments], env=environment(), cwd=settings.BASE_DIR, text=True, **options
    )
    try:
        yield process
    finally:
        for below in family(process.pid):
            with_patience(below.kill)
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr, process.stdin):
            if stream:
                stream.close()


def with_patience(action: Callable[[], object]) -> None:
    """Do something to a process that may be gone already."""
    try:
        action()
    except (psutil.NoSuchProcess, ProcessLookupError):
        return


def family(pid: int) -> list[psutil.Process]:
    """Return all living processes below `pid`."""
    try:
        below = psutil.Process(pid).children(recursive=True)
        return [process for process in below if process.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess:
        return []


def title_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def wait_until(condition: Callable[[], object], *, seconds: float) -> None:
    """Return when `condition` holds; AssertionError after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.1)
