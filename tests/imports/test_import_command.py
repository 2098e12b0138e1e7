from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from contacts.models import Contact
from imports.models import ImportJob
from media_store.models import PhotoJob
from tests.imports.builders import card, cards

pytestmark = pytest.mark.django_db

KEYS = [
    "job_id",
    "state",
    "total",
    "created",
    "updated",
    "unchanged",
    "skipped",
    "invalid",
    "failed",
    "photos_queued",
    "duration_ms",
]
UNKNOWN_CSV = "Wer,Wohin\r\nAda,ada@example.com\r\n"


def write(folder: Path, name: str, content: str) -> str:
    path = folder / name
    path.write_bytes(content.encode())
    return str(path)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    call_command("import_contacts", *arguments, "--json")
    return json.loads(capsys.readouterr().out)


def test_one_file_answers_flat(owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = "PHOTO;VALUE=uri:https://pictures.example.com/a.jpg"
    text = cards(card("Ada", uid="u1", lines=[photo]), card("Ben", uid="u1"), card())
    answer = call(capsys, write(tmp_path, "a.vcf", text), "--owner", "alice")
    assert list(answer) == KEYS
    assert (answer["state"], answer["total"], answer["photos_queued"]) == ("completed", 3, 1)
    assert {name: answer[name] for name in KEYS[3:9]} == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "skipped": 1,
        "invalid": 1,
        "failed": 0,
    }
    assert answer["duration_ms"] >= 0
    assert Contact.objects.get().owner == owner
    assert PhotoJob.objects.get().state == "pending", "pictures are queued, not fetched"


def test_several_files_answer_with_sums_and_one_job_each(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write(tmp_path, "a.vcf", cards(card("Ada", uid="u1"), card("Ben", uid="u2")))
    second = write(tmp_path, "b.vcf", cards(card("Ada", uid="u1"), card("Cy", uid="u3")))
    answer = call(capsys, first, second, "--owner", "alice")
    assert (answer["total"], answer["created"], answer["unchanged"]) == (4, 3, 1)
    assert [list(job) for job in answer["jobs"]] == [KEYS, KEYS]
    assert Contact.objects.count() == 3


def test_the_preview_says_what_would_happen_and_writes_nothing(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "a.vcf", cards(card("Ada", uid="u1"), card()))
    answer = call(capsys, path, "--owner", "alice", "--preview")
    assert (answer["state"], answer["created"], answer["invalid"]) == ("ready", 1, 1)
    assert not Contact.objects.exists()
    call_command("import_contacts", path, "--owner", "alice", "--preview")
    assert "would" in capsys.readouterr().out


def test_a_mapping_file_reads_an_unknown_layout(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = write(tmp_path, "mapping.json", json.dumps({"Wer": "display_name", "Wohin": "email"}))
    path = write(tmp_path, "a.csv", UNKNOWN_CSV)
    assert call(capsys, path, "--owner", "alice", "--mapping", mapping)["created"] == 1


def test_overwrite_replaces_values(owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, write(tmp_path, "a.vcf", card("Ada", uid="u1", lines=["TITLE:Old"])), "--owner", "alice")
    path = write(tmp_path, "b.vcf", card("Ada", uid="u1", lines=["TITLE:New"]))
    assert call(capsys, path, "--owner", "alice")["unchanged"] == 1
    assert call(capsys, path, "--owner", "alice", "--overwrite")["updated"] == 1
    assert Contact.objects.get().title == "New"


@pytest.mark.parametrize(
    ("name", "content", "arguments", "message"),
    [
        ("a.vcf", card("Ada"), ["--owner", "nobody"], "no user 'nobody'"),
        ("a.vcf", "", ["--owner", "alice"], "The file is empty"),
        ("a.csv", UNKNOWN_CSV, ["--owner", "alice"], "--mapping"),
        ("a.bin", "junk", ["--owner", "alice"], "neither a vCard nor a CSV"),
        ("a.csv", UNKNOWN_CSV, ["--owner", "alice", "--mapping", "/does/not/exist.json"], "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_in_plain_words(
    owner: User, tmp_path: Path, name: str, content: str, arguments: list[str], message: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(CommandError, match=message):
        call_command("import_contacts", path, *arguments)
    assert not ImportJob.objects.exclude(state="cancelled").exists()


def test_a_missing_file_is_named_before_anything_is_queued(owner: User, tmp_path: Path) -> None:
    there = write(tmp_path, "a.vcf", card("Ada"))
    with pytest.raises(CommandError, match=r"missing\.vcf"):
        call_command("import_contacts", there, str(tmp_path / "missing.vcf"), "--owner", "alice")
    assert not ImportJob.objects.exists()


def test_a_failed_job_fails_the_command_after_its_answer(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: pytest.FixtureRequest
) -> None:
    settings.IMPORT_MAX_ROWS = 1  # type: ignore[attr-defined]
    path = write(tmp_path, "a.vcf", cards(card("Ada", uid="u1"), card("Ben", uid="u2")))
    with pytest.raises(CommandError, match="IMPORT_MAX_ROWS"):
        call_command("import_contacts", path, "--owner", "alice", "--json")
    assert json.loads(capsys.readouterr().out)["state"] == "failed"
