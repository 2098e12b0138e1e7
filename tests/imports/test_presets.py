"""What a person said about the columns of a file is known at the next one."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from contacts.models import Contact
from imports import lifecycle, presets
from imports.lifecycle import NotAllowed
from imports.models import ImportJob, MappingPreset
from imports.readers.csv import inspect
from tests.imports.builders import run, start, the_contact

pytestmark = pytest.mark.django_db

TABLE = "Who,Town,Electronic\nAda Example,Ulm,ada@example.com\n"
MAPPING = {"Who": "display_name", "Town": "ignore", "Electronic": "email"}


def map_first(owner: User) -> ImportJob:
    job = start(owner, TABLE, "club.csv")
    assert job.held_reason == "needs_mapping"
    lifecycle.set_mapping(job, MAPPING)
    return run(job)


def test_a_confirmed_mapping_is_used_for_the_next_file_with_the_same_columns(owner: User) -> None:
    map_first(owner)
    job = run(start(owner, "ELECTRONIC;who;Town\nbo@example.com;Bo Example;Ulm\n", "other.csv", has_preview=False))
    assert (job.state, job.created) == ("completed", 1)
    assert the_contact(owner, display_name="Bo Example").emails.get().address == "bo@example.com"
    assert MappingPreset.objects.get().name == "club"


def test_other_columns_and_other_owners_are_asked(owner: User, other_owner: User) -> None:
    map_first(owner)
    assert start(other_owner, TABLE, "club.csv").held_reason == "needs_mapping"
    assert start(owner, "Who,Town,Fax machine\nAda,Ulm,1\n", "club.csv").held_reason == "needs_mapping"


def test_a_preset_that_was_applied_can_be_changed_in_the_preview_and_the_file_is_read_again(owner: User) -> None:
    map_first(owner)
    job = run(start(owner, TABLE, "club.csv"))
    assert job.state == ImportJob.State.READY
    lifecycle.set_mapping(job, {**MAPPING, "Town": "notes"})
    run(job)
    assert (job.state, job.total) == (ImportJob.State.READY, 1)
    lifecycle.confirm(job)
    run(job)
    assert Contact.objects.get().notes == "Ulm"
    assert MappingPreset.objects.get().mapping["Town"] == "notes"
    with pytest.raises(NotAllowed):
        lifecycle.set_mapping(job, MAPPING)


def test_two_kinds_of_files_of_one_name_have_two_presets(owner: User) -> None:
    map_first(owner)
    job = start(owner, "Whom,Electronic\nAda,ada@example.com\n", "club.csv")
    lifecycle.set_mapping(job, {"Whom": "display_name", "Electronic": "email"})
    assert MappingPreset.objects.values("name").distinct().count() == 2


def test_columns_without_a_known_name_are_guessed_by_what_stands_in_them() -> None:
    text = (
        "A,B,C,D,E\n"
        "ada@example.com,+1 202 555 0101,https://example.com,1990-05-01,Ulm\n"
        "bo@example.com,202-555-0102,,1991-06-02,Bonn\n"
    )
    guessed = presets.guess(inspect(text.encode()))
    assert guessed == {"A": "email", "B": "phone", "C": "url", "D": "birthday"}


def test_the_command_takes_the_name_of_a_preset(owner: User, tmp_path: Path) -> None:
    map_first(owner)
    MappingPreset.objects.update(name="members", fingerprint="0" * 64)
    path = tmp_path / "people.csv"
    path.write_text(TABLE.replace("Ada", "Cy").replace("ada", "cy"))
    out = io.StringIO()
    call_command("import_contacts", path, owner=owner.username, mapping="members", json=True, stdout=out)
    assert json.loads(out.getvalue())["created"] == 1
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_contacts", path, owner=owner.username, mapping="nobody")
