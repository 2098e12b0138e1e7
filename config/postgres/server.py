"""Start, stop and look at the embedded server.

The server is nobody's child: it is started through a shell that ends at once, so it outlives the process that needed it
first, and a dead server never lingers as our zombie. What runs is read from PostgreSQL's own postmaster.pid.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from config.postgres.binaries import Binaries, choose
from config.postgres.cluster import as_account, environment, initialise
from config.postgres.layout import SOCKET_NAME, Layout, PostgresFailure

START_SECONDS = 300  # recovery after a crash is part of a start
STOP_SECONDS = 60
LEFTOVER_SECONDS = 30
LOG_BYTES = 10_000_000

THROWAWAY_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")


@dataclass(frozen=True)
class Postmaster:
    """The running server, as its postmaster.pid describes it."""

    pid: int
    is_ready: bool


def find(layout: Layout) -> Postmaster | None:
    """Return the running server of `layout`, or None.

    A pid alone proves nothing: after a crash another process may have it. Only ours names this data folder.
    """
    lines = _pid_lines(layout)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    if not _is_ours(pid, layout):
        return None
    return Postmaster(pid, len(lines) > 7 and lines[7].strip() == "ready")


def ensure_running(layout: Layout) -> Postmaster:
    """Return the server of `layout`, ready for connections, after making its data and starting it where needed.

    Raises PostgresFailure with a reason. Any number of processes may call this at once: one starts, the others wait.
    """
    found = find(layout)
    if found and found.is_ready:
        return found
    with locked(layout):
        found = find(layout)
        if found is None:
            _start(layout)
        return _wait_until_ready(layout)


def stop(layout: Layout) -> bool:
    """Stop the server, ending its connections; return False if it was not running."""
    found = find(layout)
    if found is None:
        return False
    process = psutil.Process(found.pid)
    process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
    deadline = time.monotonic() + STOP_SECONDS
    while _is_ours(found.pid, layout):
        if time.monotonic() > deadline:
            raise PostgresFailure(f"PostgreSQL (process {found.pid}) did not stop in {STOP_SECONDS} seconds.")
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Hold the lock under which the server is started and stopped; the kernel drops it with the process."""
    try:
        layout.make_folders()
        descriptor = os.open(layout.start_lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise PostgresFailure(f"The embedded PostgreSQL has no place for its files: {error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _start(layout: Layout) -> None:
    if layout.is_throwaway and (layout.data / "postmaster.pid").exists():
        shutil.rmtree(layout.data)  # it crashed without fsync: nothing in it can be trusted
    binaries = choose(layout)
    if not layout.data.exists():
        initialise(layout, binaries)
    _remove_stale_locks(layout)
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while True:
        log_start = _launch(layout, binaries)
        if find(layout):
            return
        log = _log_since(layout, log_start)
        # Children of a killed server keep its shared memory for a moment; starting beside them would ruin the data.
        if "shared memory block" not in log or time.monotonic() > deadline:
            raise PostgresFailure(f"PostgreSQL did not start. The end of {layout.log}:\n{log[-2000:].strip()}")
        time.sleep(0.25)


def _launch(layout: Layout, binaries: Binaries) -> int:
    """Start the server and wait until it has its pid file or is gone; return where its part of the log begins."""
    if layout.log.exists() and layout.log.stat().st_size > LOG_BYTES:
        os.truncate(layout.log, 0)
    log_start = layout.log.stat().st_size if layout.log.exists() else 0
    options = ["listen_addresses=", f"unix_socket_directories={layout.sockets}", "max_connections=200"]
    options += THROWAWAY_OPTIONS if layout.is_throwaway else ()
    command = [binaries.postgres, "-D", str(layout.data)]
    for option in options:
        command += ["-c", option]
    run = subprocess.run(  # type: ignore[call-overload]  # noqa: S603
        ["/bin/sh", "-c", 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!', "sh", str(layout.log), *command],
        stdout=subprocess.PIPE,
        text=True,
        cwd=layout.home,
        env=environment(),
        umask=0o077,
        start_new_session=True,
        check=True,
        **as_account(layout.account()),
    )
    pid = int(run.stdout)
    while _is_alive(pid) and not find(layout):
        time.sleep(0.01)
    return log_start


def _wait_until_ready(layout: Layout) -> Postmaster:
    deadline = time.monotonic() + START_SECONDS
    while found := find(layout):
        if found.is_ready:
            return found
        if time.monotonic() > deadline:
            raise PostgresFailure(f"PostgreSQL has been starting for {START_SECONDS} seconds; see {layout.log}.")
        time.sleep(0.01)
    log = _log_since(layout, 0)[-2000:].strip()
    raise PostgresFailure(f"PostgreSQL stopped while it was starting. The end of {layout.log}:\n{log}")


def _remove_stale_locks(layout: Layout) -> None:
    """Remove the lock files of a server that is gone.

    PostgreSQL does so itself, unless the old pid now belongs to another process of its account: then it gives up.
    """
    for path in (layout.data / "postmaster.pid", layout.sockets / f"{SOCKET_NAME}.lock"):
        path.unlink(missing_ok=True)


def _pid_lines(layout: Layout) -> list[str]:
    try:
        return (layout.data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise PostgresFailure(f"{layout.data} belongs to another user; run this command as that user.") from None


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_ours(pid: int, layout: Layout) -> bool:
    """Say whether `pid` is a server of this data folder: by its arguments, or by its working folder."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return str(layout.data) in process.cmdline() or layout.data.samefile(process.cwd())
    except (psutil.Error, OSError):
        return False


def _log_since(layout: Layout, start: int) -> str:
    try:
        with layout.log.open(errors="replace") as log:
            log.seek(start)
            return log.read()
    except FileNotFoundError:
        return ""
