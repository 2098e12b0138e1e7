"""Run a command whose processes cannot outlive their guard: `python -m config.jobs.leash GRACE_SECONDS COMMAND…`.

A program of its own, because it must be there when the guard is killed. It leads the process group, adopts what its
command leaves behind, and when the lifeline is cut or the command ends it takes everything down.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from types import FrameType

import psutil

from config.jobs import lifeline

PR_SET_CHILD_SUBREAPER = 36
TICK_SECONDS = 0.25


def main(grace: str, *command: str) -> int:
    """Run `command`; on the end of the lifeline ask it to stop and wait `grace` seconds. Returns its exit code."""
    _adopt_orphans()
    for number in (signal.SIGTERM, signal.SIGINT):
        # A handler, not SIG_IGN, which the command would inherit.
        signal.signal(number, _leave_it_to_the_lifeline)
    pipe = int(os.environ[lifeline.VARIABLE])
    child = subprocess.Popen(command, pass_fds=[pipe])  # noqa: S603 (given by our own guard)
    while child.poll() is None and not lifeline.is_cut(timeout=TICK_SECONDS):
        _reap_orphans(child.pid)
    if child.returncode is None:
        child.terminate()
        _wait(child, float(grace))
    kill_below(os.getpid())
    return child.wait()


def kill_below(pid: int) -> None:
    """Kill every process below `pid`, also those born meanwhile, and wait until they are gone."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            below = [process for process in psutil.Process(pid).children(recursive=True) if _is_alive(process)]
        except psutil.NoSuchProcess:
            return
        if not below:
            return
        for process in below:
            process.kill()
        psutil.wait_procs(below, timeout=0.5)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _adopt_orphans() -> None:
    """Become the parent of processes whose parent dies, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans(child: int) -> None:
    for process in psutil.Process().children():
        if process.pid != child and not _is_alive(process):
            os.waitpid(process.pid, os.WNOHANG)


def _wait(child: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()


def _leave_it_to_the_lifeline(number: int, frame: FrameType | None) -> None:
    """Signals to the group must not end the one that cleans up."""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
