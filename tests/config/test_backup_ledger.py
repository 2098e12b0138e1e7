"""Who was erased after a backup was made is not in the hub that is restored from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from config import erasures
from config.backup.writing import make_backup
from contacts.erasing import erase_contacts
from contacts.merging import Pair, merge
from tests.config.backups import empty_hub, one_value, this_hub
from tests.contacts.marked import lines_with
from tests.factories import make_contact, make_picture, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

NOW = timezone.now


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, settings: Any) -> Path:
    """Keep the ledger of this process where no restore looks by itself."""
    settings.ERASURE_LEDGER = tmp_path / "kept" / "erasures.jsonl"
    return Path(settings.ERASURE_LEDGER)


def test_who_was_erased_since_does_not_come_back(tmp_path: Path, ledger: Path) -> None:
    owner = make_user("alice")
    ada = make_contact(owner, "Ada Zqerased", email="ada@zqerased.example.com")
    other, former = make_contact(owner, "Bo Example"), make_contact(owner, "A. Zqerased")
    make_picture(ada)
    folder = tmp_path / "backups" / "monday"
    assert this_hub().run("backup", str(folder))[0] == 0
    merge(Pair(ada.pk, former.pk), owner_id=owner.pk, now=NOW())
    erase_contacts([ada.pk], now=NOW())
    assert {entry.contact_id for entry in erasures.read_file(ledger)} == {ada.pk, former.pk}
    assert "Zqerased" not in ledger.read_text()
    with empty_hub(tmp_path / "media") as target:
        code, out, error = target.run("restore", str(folder), "--ledger", str(ledger), "--json")
        assert (code, error) == (0, "")
        answer = json.loads(out)
        assert (answer["erased"], answer["has_ledger"], answer["is_checked"]) == (2, True, True)
        assert [row for row in target.rows()["contacts_contact"] if str(other.pk) in row]
        everything = "\n".join(line for rows in target.rows().values() for line in rows)
        assert lines_with(everything, "Zqerased") == []
        assert one_value(target.url, "select count(*) from media_store_photojob") == 0
        # The ledger goes on with the hub: in its table, and in the file of its own.
        assert one_value(target.url, "select count(*) from config_erasure") == 2
        assert len(erasures.read_file(tmp_path / "erasures.jsonl")) == 2
        code, _, error = target.run("restore", str(folder), "--ledger", str(ledger))
        assert code == 1
        assert "already holds users or contacts" in error
        # As a restore leaves it that is killed before the last of them is gone.
        columns = "id, owner_id, display_name, sort_name"
        back = f"insert into contacts_contact ({columns}) select %s, id, 'A', 'a' from auth_user"
        with psycopg.connect(target.url) as server:
            server.execute(back.encode(), [former.pk])
        again = json.loads(target.run("restore", str(folder), "--ledger", str(ledger), "--json")[1])
        assert (again["was_there"], again["is_checked"], again["erased"]) == (True, False, 1)


def test_the_ledger_beside_the_backups_is_found(tmp_path: Path) -> None:
    owner = make_user("alice")
    ada = make_contact(owner, "Ada Example")
    monday, tuesday = tmp_path / "backups" / "monday", tmp_path / "backups" / "tuesday"
    assert this_hub().run("backup", str(monday))[0] == 0
    assert not (tmp_path / "backups" / "erasures.jsonl").exists()
    erase_contacts([ada.pk], now=NOW())
    assert this_hub().run("backup", str(tuesday))[0] == 0
    with empty_hub(tmp_path / "media" / "files") as target:
        code, out, _ = target.run("restore", str(monday))
        assert code == 0
        assert "1 of its people had been erased since, and were erased again." in out
        assert one_value(target.url, "select count(*) from contacts_contact") == 0


def test_without_a_ledger_the_restore_says_so_and_one_can_follow(tmp_path: Path, ledger: Path) -> None:
    owner = make_user("alice")
    ada = make_contact(owner, "Ada Example")
    make_backup(tmp_path / "backup")
    erase_contacts([ada.pk], now=NOW())
    with empty_hub(tmp_path / "media" / "files") as target:
        code, out, _ = target.run("restore", str(tmp_path / "backup"))
        assert code == 0
        assert "No erasure ledger was found" in out
        assert one_value(target.url, "select count(*) from contacts_contact") == 1
        code, out, _ = target.run("erase_contact", "--ledger", str(ledger), "--yes", "--json")
        assert (code, json.loads(out)["erased"]) == (0, 1)
        assert one_value(target.url, "select count(*) from contacts_contact") == 0


def test_a_ledger_that_cannot_be_read_stops_the_restore_before_anything(tmp_path: Path) -> None:
    make_backup(tmp_path / "backup")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"contact": "nobody"}\n')
    with empty_hub(tmp_path / "media" / "files") as target:
        for path, message in ((broken, "line 1 cannot be read"), (tmp_path / "gone", "cannot be read: No such file")):
            code, _, error = target.run("restore", str(tmp_path / "backup"), "--ledger", str(path))
            assert code == 1
            assert message in error
            assert target.rows() == {}
