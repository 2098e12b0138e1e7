"""Backups and restores that are killed, as by `kill -9`, at random moments of their way: real processes.

Four kills each in the test suite, 20 with `make faults` (KITH_FAULTS=long). Every other kill leaves the pg_dump or
pg_restore alone that the command has started: it comes to its own end then. KITH_FAULTS_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.config.backups import LARGE, Hub, empty_hub, fill, this_hub
from tests.faults.processes import family, with_patience

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

KILLS = 20 if os.environ.get("KITH_FAULTS") == "long" else 4
MOST_ATTEMPTS = 4 * KILLS
SEED = int(os.environ.get("KITH_FAULTS_SEED", "0")) or random.randrange(1, 10**6)


@dataclass
class Killer:
    """Starts a command again and again, each time to kill it; `whole` is how many seconds it takes if left alone."""

    words: tuple[str, ...]
    whole: float
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))
    kills: int = 0
    attempts: int = 0
    orphans: int = 0

    @property
    def is_done(self) -> bool:
        assert self.attempts < MOST_ATTEMPTS, f"only {self.kills} kills, seed {SEED}"
        return self.kills >= KILLS

    def strike(self, hub: Hub) -> bool:
        """Kill the command on its way; False when it has come to its end before. The first third is Python's start."""
        self.attempts += 1
        is_alone = self.kills % 2 == 0
        child = hub.start(*self.words)
        time.sleep(self.whole * self.dice.uniform(0.3, 0.95))
        below = family(child.pid)
        is_running = child.poll() is None
        child.kill()
        if not is_alone:
            for process in below:
                with_patience(process.kill)
        child.communicate()
        psutil.wait_procs(below, timeout=60)
        self.kills += is_running
        self.orphans += bool(below) and is_alone
        return is_running

    def __str__(self) -> str:
        return f"{self.words[0]}: seed={SEED} kills={self.kills} of {self.attempts} orphans={self.orphans}"


def seconds_of(hub: Hub, *words: str) -> float:
    started_at = time.monotonic()
    assert hub.run(*words)[0] == 0
    return time.monotonic() - started_at


def test_a_killed_backup_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    fill(400)
    hub, folder = this_hub(), tmp_path / "backup"
    killer = Killer(("backup", str(folder)), seconds_of(hub, "backup", str(tmp_path / "first")))
    while not killer.is_done:
        killer.strike(hub)
        if folder.exists():  # it was quicker this time
            assert (folder / "manifest.json").exists()
            shutil.rmtree(folder)
    print(killer)
    assert hub.run("backup", str(folder))[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"first", "backup"}
    with empty_hub(tmp_path / "media") as target:
        assert target.run("restore", str(folder))[0] == 0
        assert target.rows() == hub.rows()


def test_a_killed_restore_is_started_again(tmp_path: Path) -> None:
    """Twice into the same hub, then to its end; what was brought in there leaves the next kills little to hit."""
    fill(400)
    hub, folder = this_hub(), tmp_path / "backup"
    assert hub.run("backup", str(folder))[0] == 0
    with empty_hub(tmp_path / "other") as other:
        killer = Killer(("restore", str(folder)), seconds_of(other, "restore", str(folder)))
    while not killer.is_done:
        media = tmp_path / f"media{killer.attempts}"
        with empty_hub(media) as target:
            killer.strike(target)
            killer.strike(target)
            code, _, error = target.run("restore", str(folder))
            assert (code, error) == (0, ""), f"seed {SEED}"
            assert target.rows() == hub.rows()
            assert target.files() == LARGE
        shutil.rmtree(media)
    print(killer)
