from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from contacts.models import Contact
from tests.factories import make_contact, make_user


def export(*words: str) -> str:
    out = StringIO()
    call_command("export_contacts", *words, stdout=out)
    return out.getvalue()


def test_a_file_is_written_and_reported(owner: User, tmp_path: Path) -> None:
    make_contact(owner, "Ada Example")
    make_contact(make_user("other"), "Somebody Else")
    path = tmp_path / "people.vcf"
    answer = json.loads(export("--format", "vcard", "--owner", "alice", "--output", str(path), "--json"))
    assert (answer["contacts"], answer["bytes"], answer["format"]) == (1, path.stat().st_size, "vcard-3.0")
    assert "FN:Ada Example" in path.read_text()
    assert "Somebody" not in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_file_the_contacts_go_to_standard_output(owner: User) -> None:
    make_contact(owner, "Zoë Example")
    assert "VERSION:4.0\r\n" in export("--format", "vcard", "--vcard-version", "4.0")
    assert "Zoë Example" in export("--format", "csv")


def test_without_an_owner_everybody_s_contacts_are_exported(owner: User) -> None:
    make_contact(owner, "Ada Example")
    make_contact(make_user("other"), "Somebody Else")
    assert export("--format", "csv").count("\r\n") == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "csv", "--owner", "nobody"], "There is no user 'nobody'"),
        (["--format", "csv", "--json"], "--json needs --output"),
        (["--format", "vcard", "--spreadsheet"], "--spreadsheet is a form of CSV"),
        (["--format", "csv", "--output", "/nowhere/at/all.csv"], "could not be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_plain_english(owner: User, words: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        export(*words)


def test_an_export_that_fails_leaves_the_file_of_the_last_one(
    owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("the last one")
    make_contact(owner)
    Contact.objects.update(extra={"csv": {"a": "b"}, "vcard": "no list"})
    monkeypatch.setattr("contacts.exporting.sheets.RowWriter.cells", lambda writer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export("--format", "csv", "--output", str(path))
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["the last one"]


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_pipe_that_is_closed_early_is_no_error() -> None:
    owner = make_user("piper")
    Contact.objects.bulk_create(
        Contact(owner=owner, display_name=f"Name {number}", sort_name=f"name {number:04}", notes="x" * 2_000)
        for number in range(300)
    )
    manage = Path(settings.BASE_DIR, "manage.py")
    words = [sys.executable, str(manage), "export_contacts", "--format", "vcard"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout
    assert child.stderr
    assert child.stdout.read(20).startswith(b"BEGIN:VCARD\r\n")
    child.stdout.close()
    said = child.stderr.read()
    child.stderr.close()
    assert (child.wait(60), b"Traceback" in said, b"BrokenPipe" in said) == (0, False, False)
