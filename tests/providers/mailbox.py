"""A mailbox and a calendar that remember what changed, for every stand-in that serves them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message. `headers` are further header fields; `thread` is a number of the tester's own."""

    sender: str
    recipients: tuple[str, ...]
    sent_at: datetime
    subject: str = "Hello"
    thread: int = 0
    is_sent: bool = False
    copies: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    has_date: bool = True


@dataclass(frozen=True, slots=True)
class Appointment:
    """One meeting; `people` are (address, response) with responses as Google words them."""

    starts_at: datetime
    people: tuple[tuple[str, str], ...] = ()
    summary: str = "Talk"
    is_cancelled: bool = False
    is_whole_day: bool = False
    changed_at: datetime = START


@dataclass(slots=True)
class Shelf:
    """Things by number, each with the version of its last change. Safe between threads."""

    things: list[Any] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    version: int = 1000
    lock: threading.RLock = field(default_factory=threading.RLock)

    def pass_by(self) -> int:
        """Let a version go by in which nothing changed, and return it."""
        with self.lock:
            self.version += 1
            return self.version

    def add(self, thing: Any) -> int:
        """Return the number by which the other calls know it."""
        with self.lock:
            self.version += 1
            self.things.append(thing)
            self.versions.append(self.version)
            return len(self.things) - 1

    def change(self, number: int, **fields: Any) -> None:
        with self.lock:
            self.version += 1
            self.things[number] = replace(self.things[number], **fields)
            self.versions[number] = self.version

    def remove(self, number: int) -> None:
        with self.lock:
            self.version += 1
            self.things[number] = None
            self.versions[number] = self.version

    def numbers(self, *, after: int = 0, keep: Callable[[Any], bool] = lambda thing: thing is not None) -> list[int]:
        """Return those changed after a version that `keep` says yes to, the oldest change first."""
        with self.lock:
            found = [number for number, version in enumerate(self.versions) if version > after]
            return sorted((number for number in found if keep(self.things[number])), key=self.versions.__getitem__)


def letters(count: int, *, owner: str, people: int = 10, start: datetime = START) -> list[Letter]:
    """Make up mail, a minute apart: every third is the owner's, and every second of those is answered by the next."""
    made = []
    for number in range(count):
        person = f"person{number // 3 % people}@example.com"
        is_sent = number % 3 == 0
        sender, recipient = (owner, person) if is_sent else (person, owner)
        sent_at = start + timedelta(minutes=number)
        made.append(Letter(sender, (recipient,), sent_at, f"Letter {number}", number // 3, is_sent))
    return made
