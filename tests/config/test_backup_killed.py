"""Backups and restores that are killed, as by `kill -9`, at random moments of their way: real processes.

Five moments each in the test suite, 20 with `make faults` (KITH_FAULTS=long).
"""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from tests.config.backups import LARGE, Hub, empty_hub, fill, this_hub

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

POINTS = 20 if os.environ.get("KITH_FAULTS") == "long" else 5


def moments(whole: float) -> list[float]:
    """Return when to kill what takes `whole` seconds; the first third is the start of Python."""
    return [whole * random.uniform(0.3, 0.95) for _ in range(POINTS)]


def kill_after(hub: Hub, seconds: float, *words: str) -> bool:
    """Run a command and kill it after a while; return whether it was still running."""
    child = hub.start(*words)
    time.sleep(seconds)
    is_running = child.poll() is None
    child.kill()
    child.communicate()
    return is_running


def seconds_of(hub: Hub, *words: str) -> float:
    started_at = time.monotonic()
    assert hub.run(*words)[0] == 0
    return time.monotonic() - started_at


def test_a_killed_backup_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    fill(400)
    hub, folder = this_hub(), tmp_path / "backup"
    whole = seconds_of(hub, "backup", str(tmp_path / "first"))
    killed = 0
    for moment in moments(whole):
        killed += kill_after(hub, moment, "backup", str(folder))
        if folder.exists():  # it was quicker this time
            assert (folder / "manifest.json").exists()
            shutil.rmtree(folder)
    print(f"backup: killed {killed} of {POINTS} times")
    assert killed >= 2, "the backup was never caught on its way"
    assert hub.run("backup", str(folder))[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"first", "backup"}
    with empty_hub(tmp_path / "media") as target:
        assert target.run("restore", str(folder))[0] == 0
        assert target.rows() == hub.rows()


def test_a_killed_restore_is_started_again(tmp_path: Path) -> None:
    fill(400)
    hub, folder = this_hub(), tmp_path / "backup"
    assert hub.run("backup", str(folder))[0] == 0
    with empty_hub(tmp_path / "other") as other:
        whole = seconds_of(other, "restore", str(folder))
    with empty_hub(tmp_path / "media") as target:
        killed = sum(kill_after(target, moment, "restore", str(folder)) for moment in moments(whole))
        print(f"restore: killed {killed} of {POINTS} times")
        assert killed >= 2, "the restore was never caught on its way"
        code, _, error = target.run("restore", str(folder))
        assert (code, error) == (0, "")
        assert target.rows() == hub.rows()
        assert target.files() == LARGE
