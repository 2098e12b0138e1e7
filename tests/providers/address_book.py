"""An address book that remembers what changed, and makes its people only when they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.providers.people import Person, made_up


@dataclass(frozen=True, slots=True)
class Entry:
    """A person at their place. `person` is None once deleted; `version` is that of the last change, 0 for none."""

    number: int
    person: Person | None
    version: int
    generation: int


class AddressBook:
    """`people` made-up ones, or exactly those given; numbered from 0, never renumbered. Safe between threads."""

    def __init__(self, people: int | Sequence[Person], *, seed: str) -> None:
        self._given = () if isinstance(people, int) else tuple(people)
        self._end = people if isinstance(people, int) else len(people)
        self._seed = seed
        self._lock = threading.RLock()
        self._people: dict[int, Person | None] = {}
        self._changed: dict[int, int] = {}
        self._generations: dict[int, int] = {}
        self._left: dict[int, set[int]] = {}
        self.version = 0

    def __len__(self) -> int:
        with self._lock:
            return self._end - sum(person is None for person in self._people.values())

    def entry(self, number: int) -> Entry | None:
        """Return the entry at `number`, deleted or not; None where there never was one."""
        with self._lock:
            if not 0 <= number < self._end:
                return None
            return Entry(number, self._person(number), self._changed.get(number, 0), self._generations.get(number, 0))

    def entries(self, *, start: int = 0, folder: int | None = None) -> Iterator[Entry]:
        """Yield the living from number `start` on, one at a time, those of `folder` where it is given."""
        number = start
        while (entry := self.entry(number)) is not None:
            if entry.person and folder in (None, entry.person.folder):
                yield entry
            number += 1

    def changes(self, *, after: int, until: int) -> list[Entry]:
        """Return who changed last in a version above `after` and up to `until`, in that order."""
        with self._lock:
            numbers = [number for number, version in self._changed.items() if after < version <= until]
            found = [self.entry(number) for number in numbers]
        return sorted((entry for entry in found if entry), key=lambda entry: entry.version)

    def was_in(self, number: int, folder: int) -> bool:
        return folder in self._left.get(number, ())

    def add(self, person: Person) -> int:
        with self._lock:
            number, self._end = self._end, self._end + 1
            self._put(number, person)
            return number

    def change(self, number: int, **fields: Any) -> None:
        with self._lock:
            before = self._living(number)
            after = replace(before, **fields)
            if after.folder != before.folder:
                self._left.setdefault(number, set()).add(before.folder)
            self._put(number, after)

    def delete(self, number: int) -> None:
        with self._lock:
            self._left.setdefault(number, set()).add(self._living(number).folder)
            self._put(number, None)

    def rename(self, number: int) -> None:
        """Give the same person another identity, as a provider does when it merges or splits."""
        with self._lock:
            self._generations[number] = self._generations.get(number, 0) + 1
            self._put(number, self._living(number))

    def _put(self, number: int, person: Person | None) -> None:
        self.version += 1
        self._people[number], self._changed[number] = person, self.version

    def _person(self, number: int) -> Person | None:
        if number in self._people:
            return self._people[number]
        return self._given[number] if number < len(self._given) else made_up(number, seed=self._seed)

    def _living(self, number: int) -> Person:
        entry = self.entry(number)
        if entry is None or entry.person is None:
            raise LookupError(f"There is no person {number}.")
        return entry.person
