"""Keep a worker cluster alive from outside, because django-q2 cannot notice every way in which it stops working.

A killed idle worker holds the task queue's lock for ever, a killed monitor leaves every task to be run again, and the
main process ends with code 0 when its sentinel is killed (https://github.com/django-q2/django-q2/issues/23).
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import Error, connection

from config.jobs import beats, lifeline, sweeping
from config.jobs.leash import kill_below

TICK_SECONDS = 0.25
MAX_BACKOFF_SECONDS = 60.0
STEADY_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Runs `command` under a leash and replaces it when it ends or when no task has come through for `silence` seconds.

    `say` receives one plain line for each thing that happens.
    """

    command: list[str]
    say: Callable[[str], None]
    beat_every: float = 30.0
    silence: float = 180.0
    grace: float = 60.0
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}")

    def run(self, stop: threading.Event) -> None:
        """Guard until `stop` is set; on return no process of the cluster is left."""
        backoff = 0.0
        while _wait(backoff, stop) and self._wait_for_database(stop):
            started_at = time.monotonic()
            with Cluster(self.command, name=self.name, grace=self.grace) as cluster:
                self.say(f"Workers started (process group {cluster.pid}).")
                fault = self._watch(cluster, stop)
                if fault:
                    self.say(f"{fault} Starting the workers again.")
                    cluster.kill()
            is_steady = time.monotonic() - started_at > STEADY_SECONDS
            backoff = 0.0 if is_steady else min(MAX_BACKOFF_SECONDS, max(1.0, backoff * 2))

    def _watch(self, cluster: Cluster, stop: threading.Event) -> str:
        """Return what is wrong with the cluster, as a sentence, or nothing when a stop was asked for."""
        self._wake()
        heard_at, asked_at = time.monotonic(), float("-inf")
        while _wait(TICK_SECONDS, stop):
            if not cluster.is_running():
                return "The workers' main process ended."
            now = time.monotonic()
            # Two clusters share the queue, so the beat may go to the other one: ask more often before giving up.
            if now - asked_at < (self.beat_every if now - heard_at < self.silence / 2 else 1.0):
                continue
            asked_at = now
            heard_at = self._listen(heard_at, now)
            if now - heard_at > self.silence:
                return f"No task has come through for {self.silence:.0f} seconds."
        return ""

    def _wake(self) -> None:
        """Ring again: wake-ups that the last cluster had taken into its memory are gone with it."""
        try:
            sweeping.wake()
        except Error:
            connection.close()

    def _listen(self, heard_at: float, now: float) -> float:
        """Return when a task last came through and ask for the next; silence does not count without a database."""
        try:
            age = beats.age(self.name)
            beats.ask()
        except Error:
            connection.close()
            return now
        return heard_at if age is None else max(heard_at, now - age.total_seconds())

    def _wait_for_database(self, stop: threading.Event) -> bool:
        """Return true once the tables are there, false when a stop came first."""
        is_told = False
        while not stop.is_set():
            try:
                beats.age(self.name)
                return True
            except Error:
                connection.close()
                if not is_told:
                    self.say("Waiting for the database and its tables…")
                is_told = True
            _wait(1.0, stop)
        return False


class Cluster:
    """A worker cluster on its leash; leaving the block stops it within the grace time and takes all of it down."""

    def __init__(self, command: list[str], *, name: str, grace: float) -> None:
        reading, self._lifeline = os.pipe()
        self._grace = grace
        self._leash = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-m", "config.jobs.leash", str(grace), *command],
            env={**os.environ, lifeline.VARIABLE: str(reading), beats.VARIABLE: name},
            pass_fds=[reading],
            start_new_session=True,
        )
        os.close(reading)
        self._is_cut = False

    @property
    def pid(self) -> int:
        return self._leash.pid

    def is_running(self) -> bool:
        return self._leash.poll() is None

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *exception: object) -> None:
        self._cut()
        with suppress(subprocess.TimeoutExpired):
            self._leash.wait(self._grace + 15)
        self.kill()

    def kill(self) -> None:
        """Kill the leash, everything below it and everything left in its process group."""
        self._cut()
        kill_below(self.pid)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._leash.wait()

    def _cut(self) -> None:
        if not self._is_cut:
            self._is_cut = True
            os.close(self._lifeline)


def _wait(seconds: float, stop: threading.Event) -> bool:
    """Sleep and return true, or return false as soon as `stop` is set.

    Polled: the event is set by a signal handler in this same thread, which `Event.wait` does not survive.
    """
    until = time.monotonic() + seconds
    while not stop.is_set():
        left = until - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(TICK_SECONDS, left))
    return False
