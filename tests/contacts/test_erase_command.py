"""`erase_contact`: asks unless told not to, and says in plain English whom it does not know."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError

from config.audit import AuditEvent
from config.erasures import Erasure
from contacts.identifiers import uuid7
from contacts.merging import Pair, merge
from contacts.models import Contact
from contacts.relations import delete_contacts
from tests.factories import make_contact, make_picture
from tests.imports.builders import card, import_file

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, settings: Any) -> Path:
    settings.ERASURE_LEDGER = tmp_path / "erasures.jsonl"
    return Path(settings.ERASURE_LEDGER)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def erase(*words: object, answer: str | None = None, monkeypatch: pytest.MonkeyPatch | None = None) -> tuple[str, str]:
    """Run the command, with the answer of a person at the terminal; None is a closed one. Return output and errors."""
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", Terminal("" if answer is None else f"{answer}\n"))
    out, errors = io.StringIO(), io.StringIO()
    call_command("erase_contact", *map(str, words), stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


def test_several_people_are_erased_and_counted(owner: User) -> None:
    people = [make_contact(owner, f"Person {n}", email=f"p{n}@example.com") for n in range(2)]
    make_picture(people[0])
    answer = json.loads(erase(*(person.pk for person in people), "--yes", "--json")[0])
    assert answer.pop("bytes") > 0
    assert answer.pop("duration_ms") >= 0
    assert answer == {"erased": 2, "rows": {"e-mail addresses": 2, "pictures": 1}, "files": 1}
    assert not Contact.objects.exists()


def test_the_journal_names_the_command(owner: User) -> None:
    erase(make_contact(owner).pk, "--yes")
    event = AuditEvent.objects.get()
    assert (event.verb, event.actor_id, event.actor_name, event.owner_id) == (
        "erased",
        None,
        "command erase_contact",
        owner.pk,
    )


@pytest.mark.parametrize("answer", ["no", "", None])
def test_without_a_yes_nothing_is_erased(owner: User, monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
    contact = make_contact(owner)
    with pytest.raises(CommandError, match="Nothing was erased"):
        erase(contact.pk, answer=answer, monkeypatch=monkeypatch)
    assert Contact.objects.exists()


def test_a_yes_at_the_terminal_is_enough(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    contact = make_contact(owner, "Ada Example", email="ada@example.com")
    out, errors = erase(contact.pk, answer="yes", monkeypatch=monkeypatch)
    assert "Ada Example" in errors
    assert "1 e-mail addresses" in errors
    assert "1 contact erased" in out


def test_a_program_that_names_somebody_is_not_asked(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert "1 contact erased" in erase(make_contact(owner).pk)[0]
    assert json.loads(erase(make_contact(owner).pk, "--json", answer="no", monkeypatch=monkeypatch)[0])["erased"] == 1


def test_nobody_is_erased_when_one_of_them_is_unknown(owner: User) -> None:
    contact, unknown = make_contact(owner), uuid7()
    with pytest.raises(CommandError, match=f"There is no contact {unknown}."):
        erase(contact.pk, unknown, "--yes")
    with pytest.raises(CommandError, match="'ada' is not the id of a contact"):
        erase("ada", "--yes")
    with pytest.raises(CommandError, match="Say whom to erase"):
        erase("--yes")
    assert Contact.objects.exists()
    assert not Erasure.objects.exists()


def test_somebody_who_lives_on_in_another_contact_is_not_erased_halfway(owner: User) -> None:
    ada, former = make_contact(owner, "Ada Example"), make_contact(owner, "A. Example")
    merge(Pair(ada.pk, former.pk), owner_id=owner.pk, now=NOW)
    with pytest.raises(CommandError, match=f"{former.pk} was merged into {ada.pk}"):
        erase(former.pk, "--yes")
    erase(former.pk, ada.pk, "--yes")
    assert not Contact.objects.exists()


def test_what_is_left_of_somebody_who_was_deleted_can_be_erased(owner: User) -> None:
    job = import_file(owner, card("Ada Example", emails=["ada@example.com"]))
    contact = Contact.objects.get()
    row = job.rows.get()
    delete_contacts([contact.pk])
    row.save()  # as one that an undone import has left
    erase(contact.pk, "--yes")
    row.refresh_from_db()
    assert (row.parsed, row.contact_id, row.reason) == ({}, None, "erased")
    assert Erasure.objects.filter(contact_id=contact.pk).exists()


def test_a_ledger_is_applied_again(owner: User, ledger: Path, tmp_path: Path) -> None:
    ada, bo = make_contact(owner, "Ada Example"), make_contact(owner, "Bo Example")
    erase(ada.pk, "--yes")
    Contact.objects.create(pk=ada.pk, owner=owner, display_name="Ada Example", sort_name="ada")  # as a backup would
    assert json.loads(erase("--ledger", ledger, "--yes", "--json")[0])["erased"] == 1
    assert json.loads(erase("--ledger", ledger, "--yes", "--json")[0])["erased"] == 0
    assert list(Contact.objects.all()) == [bo]
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        erase("--ledger", tmp_path / "gone")


def test_a_ledger_that_cannot_be_written_is_a_failure_that_says_so(owner: User, ledger: Path) -> None:
    ledger.mkdir()
    with pytest.raises(CommandError, match="could not be written"):
        erase(make_contact(owner).pk, "--yes")
    assert not Contact.objects.exists()
