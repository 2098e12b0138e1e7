"""Decode pictures in child processes, so that whatever a picture does, it does it there and to itself only."""

from __future__ import annotations

import atexit
import fcntl
import os
import queue
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

import structlog

from media_store.processing import ImageRefused
from media_store.sandbox_child import DONE, FRAME, OPTIMIZED, OPTIMIZED_SQUARE, SQUARE

log = structlog.get_logger(__name__)

DEADLINE_SECONDS = 15.0
PICTURES_PER_CHILD = 1_000
PIPE_BYTES = 1_048_576
MAX_ANSWER = 1_000_000
STOP_SECONDS = 5

ROOT = Path(__file__).resolve().parent.parent
# -I: no environment variables, no user site, no current folder on the path; so the root is given by hand.
BOOT = "import sys; sys.path.insert(0, sys.argv[2]); from media_store.sandbox_child import main; main()"
ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}

# How a picture ends its child by itself. Other deaths (the kernel short of memory, a person) say nothing about it.
CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS, signal.SIGTRAP}


class SandboxUnavailable(Exception):
    """The picture could not be decoded for a reason that is not its own; try again later."""


class Child:
    """One decoding process."""

    def __init__(self) -> None:
        self.count = 0
        self.is_late = False
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and code)
            [sys.executable, "-I", "-c", BOOT, str(os.getpid()), str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
        )

        self._pictures = cast("IO[bytes]", self._process.stdin)
        # Most pictures then go over in one piece, without a switch between the processes for every 64 kB.
        with suppress(OSError):
            fcntl.fcntl(self._pictures, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._answers = cast("IO[bytes]", self._process.stdout)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, content: bytes, *, seconds: float, wish: bytes = SQUARE) -> tuple[bytes, bytes]:
        """Return the child's answer to one picture; raises EOFError or OSError when it dies or is late."""
        # Killing from outside ends whatever we are blocked in, writing or reading.
        timer = threading.Timer(seconds, self._kill_late)
        timer.daemon = True
        timer.start()
        try:
            self._pictures.write(FRAME.pack(wish, len(content)))
            self._pictures.write(content)
            self._pictures.flush()
            kind, length = FRAME.unpack(self._read(FRAME.size))
            self.count += 1
            return kind, self._read(min(length, MAX_ANSWER))
        finally:
            timer.cancel()

    def _read(self, size: int) -> bytes:
        data = self._answers.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def _kill_late(self) -> None:
        self.is_late = True
        self._process.kill()

    def end(self) -> int:
        """Kill the process if it still runs; return its exit code."""
        self._process.kill()
        for pipe in (self._pictures, self._answers):
            with suppress(OSError):
                pipe.close()
        return self._process.wait(STOP_SECONDS)

    def exit_code(self) -> int:
        """Return how a process that closed its pipes ended."""
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return 0


class Sandbox:
    """A pool of children, by default one for each core, started as they are needed; for any number of threads."""

    def __init__(self, *, size: int | None = None, seconds: float = DEADLINE_SECONDS) -> None:
        self.size = size or len(os.sched_getaffinity(0))
        self.seconds = seconds
        self.reset()
        # A fork inherits the pipes of children that are not its own.
        os.register_at_fork(after_in_child=self.reset)
        atexit.register(self.close)

    def reset(self) -> None:
        self._idle: queue.LifoQueue[Child | None] = queue.LifoQueue()
        for _ in range(self.size):
            self._idle.put(None)
        # The kernel counts the thread that starts a child as its parent: children started by a short-lived thread
        # would be killed with it. This one lives as long as the process.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-starter")

    def square_webp(self, content: bytes) -> bytes:
        """Return the picture as `processing.square_webp` does, waiting for a free child; see `_webp`."""
        return self._webp(content, wish=SQUARE)

    def optimized_webp(self, content: bytes, *, is_square: bool = False) -> bytes:
        """Return the picture as `optimizing.optimized_webp` does, waiting for a free child; see `_webp`."""
        return self._webp(content, wish=OPTIMIZED_SQUARE if is_square else OPTIMIZED)

    def _webp(self, content: bytes, *, wish: bytes) -> bytes:
        """Return the answer of a child.

        Raises ImageRefused also for a picture that crashes its child or takes longer than the deadline, and
        SandboxUnavailable when the child died for another reason. Either way the next picture gets a fresh child.
        """
        child = self._idle.get()
        try:
            child = child or self._starter.submit(Child).result()
            kind, answer = child.ask(content, seconds=self.seconds, wish=wish)
        except (EOFError, OSError) as error:
            raise self._judge(child) from error
        except BaseException:
            self._discard(child)
            raise
        self._give_back(child)
        if kind == DONE:
            return answer
        verdict, _, message = answer.decode(errors="replace").partition("\n")
        raise ImageRefused(verdict, message)

    def close(self) -> None:
        """End the idle children."""
        with suppress(queue.Empty):
            while True:
                child = self._idle.get_nowait()
                if child is not None:
                    child.end()

    def _give_back(self, child: Child) -> None:
        if child.count < PICTURES_PER_CHILD:
            self._idle.put(child)
        else:
            self._discard(child)

    def _discard(self, child: Child | None) -> None:
        if child is not None:
            child.end()
        self._idle.put(None)

    def _judge(self, child: Child | None) -> ImageRefused | SandboxUnavailable:
        """Return what the death of a child says about its picture."""
        if child is None:
            self._idle.put(None)
            return SandboxUnavailable("The decoder could not be started.")
        code = child.exit_code()
        is_late = child.is_late
        self._discard(child)
        log.warning("sandbox_child_died", exit_code=code, is_late=is_late)
        if is_late or code == -signal.SIGXCPU:
            return ImageRefused("not_an_image", "The picture took too long to decode.")
        if -code in CRASHES:
            return ImageRefused("not_an_image", "The picture crashed its decoder.")
        return SandboxUnavailable("The decoder was ended from outside.")


sandbox = Sandbox()
