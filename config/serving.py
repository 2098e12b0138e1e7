"""Run several programs as one: all start, and when one ends or we are told to stop, all end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

PR_SET_PDEATHSIG = 1
TICK_SECONDS = 0.2


def run_together(
    programs: Mapping[str, Sequence[str]],
    *,
    say: Callable[[str], None],
    grace: float,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run `programs` (name: command) until Ctrl-C or SIGTERM and return 0, or until one of them ends and return 1.

    Each leads its own process group, so that Ctrl-C reaches only us and each gets exactly one SIGTERM. What has not
    ended `grace` seconds later is killed with its group. If we are killed, the kernel sends them SIGTERM (Linux).
    """
    stopping: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in programs.items():
            children[name] = _spawn(command, environment)
        while not stopping:
            ended = [name for name, child in children.items() if child.poll() is not None]
            if ended:
                say(f"{ended[0]} ended with exit code {children[ended[0]].returncode}; stopping the rest.")
                return 1
            time.sleep(TICK_SECONDS)
        return 0
    finally:
        _stop(children, say=say, grace=grace)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _spawn(command: Sequence[str], environment: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own commands
        command, env=environment, start_new_session=True, preexec_fn=_follow_parent if sys.platform == "linux" else None
    )


def _follow_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _stop(children: Mapping[str, subprocess.Popen[bytes]], *, say: Callable[[str], None], grace: float) -> None:
    for child in children.values():
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + grace
    for name, child in children.items():
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(f"{name} did not stop in {grace:g} seconds and is killed.")
        with contextlib.suppress(ProcessLookupError):  # also what a dead leader left behind in its group
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
