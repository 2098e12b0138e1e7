"""Who is using the embedded server, so that the last owner command can stop it.

Every process that connects holds a shared lock on `users.lock` until it ends, however it ends. A forked child shares
its parent's lock, which is kept until both are gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator

from config.postgres.layout import Layout, PostgresFailure
from config.postgres.server import ensure_running, locked, stop

_descriptors: dict[Layout, int] = {}
_guard = threading.Lock()


def hold(layout: Layout) -> None:
    """Count this process among the users until it ends or calls `release`; waits while the server is being stopped."""
    with _guard:
        if layout in _descriptors:
            return
        if not layout.users_lock.exists():
            with locked(layout):  # makes the folder
                pass
        descriptor = _open(layout)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _descriptors[layout] = descriptor


def release(layout: Layout) -> None:
    """Stop counting this process. Closes rather than unlocks: an unlock would also drop the lock of forked children."""
    with _guard:
        descriptor = _descriptors.pop(layout, None)
        if descriptor is not None:
            os.close(descriptor)


def stop_if_unused(layout: Layout) -> bool:
    """Stop the server unless another process uses it; return whether it is stopped now."""
    with locked(layout):
        descriptor = _open(layout)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stop(layout)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
    return True


@contextlib.contextmanager
def owning(layout: Layout) -> Iterator[None]:
    """Run the server for the length of the block, and stop it afterwards unless others still use it."""
    hold(layout)
    try:
        ensure_running(layout)
        yield
    finally:
        release(layout)
        stop_if_unused(layout)


def _open(layout: Layout) -> int:
    try:
        return os.open(layout.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise PostgresFailure(f"The embedded PostgreSQL of this checkout is another user's: {error}") from error
