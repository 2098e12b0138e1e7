"""What is not a whole backup, or has no empty place to go, is refused before anything is changed."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.backup import BackupFailure, programs
from config.backup import manifest as manifests
from config.backup.writing import make_backup
from config.postgres import binaries
from tests.config.backups import LARGE, Hub, empty_hub, fill, this_hub

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(3)
    make_backup(tmp_path / "backup")
    return tmp_path / "backup"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Hub]:
    with empty_hub(tmp_path / "media") as hub:
        yield hub


def rewrite(folder: Path, **changes: Any) -> None:
    """Change the manifest as a program would that knows how to seal it."""
    content = json.loads((folder / manifests.NAME).read_text())
    del content["sha256"]
    content.update(changes)
    (folder / manifests.NAME).write_text(json.dumps({**content, "sha256": manifests._seal(content)}))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "is not a backup: it has no manifest.json"),
    "half a manifest": (lambda folder: (folder / "manifest.json").write_text('{"format": 1'), "cannot be read"),
    "edited manifest": (
        lambda folder: (folder / "manifest.json").write_text(
            (folder / "manifest.json").read_text().replace('"missing": []', '"missing": ["x"]')
        ),
        "was changed or damaged",
    ),
    "damaged dump": (lambda folder: flip(folder / "database.dump"), "damaged: database.dump"),
    "cut dump": (lambda folder: (folder / "database.dump").write_bytes(b"PGDMP"), "damaged: database.dump"),
    "no dump": (lambda folder: (folder / "database.dump").unlink(), "incomplete: database.dump is missing"),
    "damaged file": (lambda folder: flip(folder / "files" / next(iter(LARGE))), "damaged: files/o1/videos/a.bin"),
    "missing file": (
        lambda folder: (folder / "files" / next(iter(LARGE))).unlink(),
        "incomplete: files/o1/videos/a.bin",
    ),
    "newer format": (lambda folder: rewrite(folder, format=2), "made by a newer Kith"),
    "newer tables": (lambda folder: rewrite(folder, migrations={"contacts": "9999_x"}), "contacts.9999_x is not known"),
    "newer server": (lambda folder: rewrite(folder, server_major=99), "Restore it to PostgreSQL 99 or newer"),
    "newer dump": (lambda folder: rewrite(folder, dump_major=99), "needs pg_dump and pg_restore of PostgreSQL 99"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_a_whole_backup_is_refused(folder: Path, target: Hub, damage: str) -> None:
    do, message = DAMAGES[damage]
    do(folder)
    code, _, error = target.run("restore", str(folder))
    assert code == 1
    assert message in error
    assert "Traceback" not in error
    assert (target.rows(), target.files()) == ({}, {})


def test_a_hub_with_people_in_it_is_left_alone(folder: Path) -> None:
    hub = this_hub()
    fill_more = hub.rows()
    assert hub.run("restore", str(folder))[0] == 0  # it holds just this backup
    assert hub.rows() == fill_more
    from tests.factories import make_user

    make_user("newcomer")
    before = hub.rows()
    code, _, error = hub.run("restore", str(folder))
    assert code == 1
    assert "already holds users or contacts" in error
    assert hub.rows() == before


def test_a_name_that_leads_out_of_the_folder_is_refused(folder: Path, target: Hub) -> None:
    rewrite(folder, files={"../../evil": {"size": 1, "sha256": "0" * 64}})
    code, _, error = target.run("restore", str(folder))
    assert code == 1
    assert "evil" in error
    assert not (folder.parent / "evil").exists()


def test_a_backup_needs_a_folder_of_its_own(folder: Path) -> None:
    with pytest.raises(BackupFailure, match="is there already"):
        make_backup(folder)


def test_programs_older_than_the_server_are_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 14.2'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(binaries, "bundled", lambda: None)
    monkeypatch.setattr(binaries, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupFailure, match=r"there is only version 14 here.*postgresql-client-\d\d"):
        make_backup(tmp_path / "backup")
    assert programs.find_programs(oldest=13, wanted=14).folder == tmp_path
    assert not (tmp_path / "backup").exists()


def test_a_second_backup_to_the_same_place_leaves_the_first_one_alone(tmp_path: Path) -> None:
    partial = tmp_path / "backup.partial"
    partial.mkdir()
    (partial / "database.dump").write_bytes(b"half")
    first = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(first, fcntl.LOCK_EX)
        with pytest.raises(BackupFailure, match="Another backup is being written"):
            make_backup(tmp_path / "backup")
    finally:
        os.close(first)
    assert (partial / "database.dump").read_bytes() == b"half"
