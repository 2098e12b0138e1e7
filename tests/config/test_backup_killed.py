"""Backups and restores that are killed, as by `kill -9`, at points all over their way: real processes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.config.backups import LARGE, Hub, empty_hub, fill, this_hub

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

POINTS = 7


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
    for point in range(POINTS):
        if not kill_after(hub, whole * (0.3 + 0.7 * point / POINTS), "backup", str(folder)):
            break
        if folder.exists():  # renamed just before the kill
            assert (folder / "manifest.json").exists()
            break
        killed += 1
    assert killed >= 2, "the backup was never caught on its way"
    if not folder.exists():
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
        killed = sum(
            kill_after(target, whole * (0.3 + 0.6 * point / POINTS), "restore", str(folder)) for point in range(POINTS)
        )
        assert killed >= 2, "the restore was never caught on its way"
        code, _, error = target.run("restore", str(folder))
        assert (code, error) == (0, "")
        assert target.rows() == hub.rows()
        assert target.files() == LARGE
