"""A backup of a hub, restored into an empty one, is that hub."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from django.core.files.storage import default_storage, storages
from django.test import override_settings

from config.audit import AuditEvent
from config.backup.manifest import read_manifest
from config.backup.restoring import _store_files
from config.backup.writing import make_backup
from contacts.models import Contact
from tests.config.backups import LARGE, empty_hub, fill, one_value, this_hub

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def test_every_row_and_every_byte_is_back(tmp_path: Path) -> None:
    fill()
    source, folder = this_hub(), tmp_path / "backup"
    code, out, error = source.run("backup", str(folder), "--json")
    assert (code, error) == (0, "")
    answer = json.loads(out)
    assert (answer["files"], answer["missing"]) == (2, [])
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "database.dump", "files"}
    with empty_hub(tmp_path / "media") as target:
        code, out, error = target.run("restore", str(folder), "--json")
        assert (code, error) == (0, "")
        restored = json.loads(out)
        assert (restored["rows"], restored["files"], restored["was_there"]) == (answer["rows"], 2, False)
        assert target.rows() == source.rows()
        assert target.files() == LARGE
        # Sequences go on where they were, and the database takes new rows.
        assert one_value(
            target.url, "insert into contacts_tag (owner_id, name) select id, 'new' from auth_user returning 1"
        )
        code, _, _ = target.run("migrate", "--check")
        assert code == 0


def test_a_restore_into_a_fresh_hub_with_tables_is_the_same(tmp_path: Path) -> None:
    fill(5)
    make_backup(tmp_path / "backup")
    with empty_hub(tmp_path / "media") as target:
        assert target.run("migrate", "--verbosity=0")[0] == 0
        assert one_value(target.url, "create table left_over ()") is None
        assert target.run("restore", str(tmp_path / "backup"))[0] == 0
        assert target.rows() == this_hub().rows()


def test_backup_and_restore_are_in_the_journal_of_each_owner(tmp_path: Path) -> None:
    owner = fill(3)
    assert this_hub().run("backup", str(tmp_path / "backup"))[0] == 0
    event = AuditEvent.objects.get()
    number = Contact.objects.count()
    found = (event.verb, event.actor_name, event.owner_id, event.number)
    assert found == ("backed_up", "command backup", owner.pk, number)
    with empty_hub(tmp_path / "media") as target:
        for _ in range(2):
            assert target.run("restore", str(tmp_path / "backup"))[0] == 0
        query = "select string_agg(concat_ws(' ', verb, actor_name, owner_id, number), '; ') from config_auditevent"
        assert one_value(target.url, query) == f"restored command restore {owner.pk} {number}"


def test_a_second_restore_finds_all_in_place_and_brings_back_a_lost_file(tmp_path: Path) -> None:
    fill(5)
    make_backup(tmp_path / "backup")
    with empty_hub(tmp_path / "media") as target:
        assert target.run("restore", str(tmp_path / "backup"))[0] == 0
        lost = target.media / next(iter(LARGE))
        lost.unlink()
        code, out, _ = target.run("restore", str(tmp_path / "backup"), "--json")
        assert (code, json.loads(out)["was_there"]) == (0, True)
        assert target.files() == LARGE


def test_a_backup_is_for_its_maker_s_eyes_alone(tmp_path: Path) -> None:
    fill(2)
    make_backup(tmp_path / "backup")
    files = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert len(files) == 4
    for path in [tmp_path / "backup", *files]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_file_that_the_store_had_lost_is_named_and_the_rest_is_saved(tmp_path: Path) -> None:
    fill(2)
    lost, kept = LARGE
    storages["files"].delete(lost)
    code, _, error = this_hub().run("backup", str(tmp_path / "backup"))
    assert code == 1
    assert f"had already lost or damaged 1 files: {lost}" in error
    manifest = read_manifest(tmp_path / "backup")
    assert (list(manifest.files), manifest.missing) == ([kept], [lost])
    with empty_hub(tmp_path / "media") as target:
        assert target.run("restore", str(tmp_path / "backup"))[0] == 0
        assert target.files() == {kept: LARGE[kept]}


def test_files_go_through_the_storage_whatever_it_is(tmp_path: Path) -> None:
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    with override_settings(STORAGES={"default": {"BACKEND": "media_store.storage.HybridStorage"}, "files": memory}):
        fill(2)
        manifest = make_backup(tmp_path / "backup")
        for name in LARGE:
            storages["files"].delete(name)
        _store_files(tmp_path / "backup", manifest)
        for name, content in LARGE.items():
            with default_storage.open(name) as file:
                assert file.read() == content


def test_a_marked_file_and_the_cache_stay_out(tmp_path: Path) -> None:
    fill(2)
    default_storage.delete(next(iter(LARGE)))
    manifest = make_backup(tmp_path / "backup")
    assert len(manifest.files) == 1
    assert "django_cache" not in manifest.tables
