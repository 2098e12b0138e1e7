"""Each long operation is killed at random points, done again, and ends as if nothing had happened.

Three points each in the test suite, 20 with `make faults` (KITH_FAULTS=long). KITH_FAULTS_SEED repeats a run. Backups
and restores: tests/config/test_backup_killed.py.
"""

from __future__ import annotations

import io
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from config.erasures import Erasure
from config.jobs.draining import drain
from contacts import duplicates, erasing
from contacts.events import log_event
from contacts.exporting import people as exporting
from contacts.merging import unmerge
from contacts.models import CommunicationEvent, Contact, ContactEmail, ContactPicture, DuplicateSuggestion, MergeRecord
from imports import executing, planning, sources, undoing
from imports.models import ImportJob
from media_store.models import PhotoJob, StoredFile
from tests.factories import make_contact, make_picture
from tests.faults.killing import is_killed_at, statements_of
from tests.imports import test_resume, test_undo_resume

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

IS_LONG = os.environ.get("KITH_FAULTS") == "long"
POINTS = 20 if IS_LONG else 3
PEOPLE = 24


@dataclass
class Import:
    """Read, plan and execute a file."""

    owner: User

    @classmethod
    def prepare(cls, username: str, folder: Path) -> Import:
        return cls(test_resume.prepare(username))

    def work(self) -> None:
        drain("imports", seconds=None, is_ringing=False)

    def again(self) -> None:
        test_resume.let_time_pass()
        self.work()

    def state(self) -> Any:
        return test_resume.end_state(self.owner)


@dataclass
class Undo:
    """Take an import back, but for what a person has touched."""

    owner: User
    job: ImportJob

    @classmethod
    def prepare(cls, username: str, folder: Path) -> Undo:
        return cls(*test_undo_resume.prepare(username))

    def work(self) -> None:
        drain("imports", seconds=None, is_ringing=False)

    def again(self) -> None:
        test_resume.let_time_pass()
        self.work()

    def state(self) -> Any:
        return test_undo_resume.end_state(self.owner, self.job)


@dataclass
class BulkMerge:
    """Merge all certain pairs; then each can be parted again."""

    owner: User

    @classmethod
    def prepare(cls, username: str, folder: Path) -> BulkMerge:
        owner = make_pairs(username)
        duplicates.find_duplicates(owner.pk, now=timezone.now(), is_full=True)
        return cls(owner)

    def work(self) -> None:
        ids = list(DuplicateSuggestion.objects.filter(owner=self.owner).values_list("pk", flat=True))
        duplicates.merge_certain(ids, owner_id=self.owner.pk, now=timezone.now())

    def again(self) -> None:
        self.work()

    def state(self) -> Any:
        merged = everybody(self.owner)
        records = list(MergeRecord.objects.filter(owner=self.owner, undone_at=None))
        unmerge(records, owner_id=self.owner.pk, now=timezone.now())
        return merged, len(records), everybody(self.owner)


@dataclass
class Scan:
    """Compare all contacts with all."""

    owner: User

    @classmethod
    def prepare(cls, username: str, folder: Path) -> Scan:
        return cls(make_pairs(username))

    def work(self) -> None:
        duplicates.find_duplicates(self.owner.pk, now=timezone.now())

    def again(self) -> None:
        self.work()

    def state(self) -> Any:
        pairs = DuplicateSuggestion.objects.filter(owner=self.owner)
        return sorted(pairs.values_list("first__display_name", "second__display_name", "reasons", "strength"))


@dataclass
class Erase:
    """Erase many people, a few in a transaction."""

    owner: User
    erased: list[Any]

    @classmethod
    def prepare(cls, username: str, folder: Path) -> Erase:
        owner = make_pairs(username)
        contacts = list(Contact.objects.filter(owner=owner).order_by("sort_name", "title"))
        for contact in contacts[::4]:
            make_picture(contact)
            log_event(contact, kind="note", happened_at=timezone.now())
        return cls(owner, [contact.pk for contact in contacts[: PEOPLE // 2]])

    def work(self) -> None:
        erasing.erase_contacts(self.erased, now=timezone.now())

    def again(self) -> None:
        self.work()

    def state(self) -> Any:
        stored = StoredFile.objects.live().filter(name__startswith=f"o{self.owner.pk}/")
        rows = (PhotoJob, ContactPicture, CommunicationEvent)
        return {
            "contacts": everybody(self.owner),
            "rows": [model._default_manager.filter(owner=self.owner).count() for model in rows],
            "files": stored.count(),
            "ledger": Erasure.objects.filter(owner_id=self.owner.pk).count(),
        }


@dataclass
class Export:
    """Write all contacts to a file, which is there whole or not at all."""

    owner: User
    path: Path

    @classmethod
    def prepare(cls, username: str, folder: Path) -> Export:
        return cls(make_pairs(username), folder / f"{username}.csv")

    def work(self) -> None:
        options: dict[str, Any] = {"owner": self.owner.username, "output": self.path}
        call_command("export_contacts", format="csv", spreadsheet=True, stdout=io.StringIO(), **options)

    def again(self) -> None:
        assert not self.path.exists() or self.path.read_bytes().count(b"\r\n") == PEOPLE + 1
        self.work()

    def state(self) -> Any:
        return self.path.read_bytes()


OPERATIONS = [Import, Undo, BulkMerge, Scan, Erase, Export]


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """Let every operation have many transactions or pages."""
    settings.ERASURE_LEDGER = tmp_path / "erasures.jsonl"
    for module in (sources, planning):
        monkeypatch.setattr(module, "PAGE_ROWS", 10)
    for module in (executing, undoing):
        monkeypatch.setattr(module, "CHUNK_ROWS", 10)
    monkeypatch.setattr(undoing, "MADE_AT_ONCE", 2)
    monkeypatch.setattr(duplicates, "MERGED_AT_ONCE", 4)
    monkeypatch.setattr(erasing, "AT_ONCE", 3)
    monkeypatch.setattr(exporting, "PAGE_SIZE", 5)


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__.lower())
def test_what_was_killed_and_done_again_ends_the_same(operation: Any, tmp_path: Path) -> None:
    seed = int(os.environ.get("KITH_FAULTS_SEED", "0")) or random.randrange(1, 10**6)
    dice = random.Random(seed)
    calm = operation.prepare("calm", tmp_path)
    number = statements_of(calm.work)
    expected = calm.state()
    points = sorted(dice.sample(range(1, number + 1), min(POINTS, number)))
    kills = 0
    for point in points:
        killed = operation.prepare(f"killed{point}", tmp_path)
        is_killed = is_killed_at(killed.work, point, is_before=dice.random() < 0.5)
        killed.again()
        assert killed.state() == expected, f"killed at statement {point} of {number}, seed {seed}"
        kills += is_killed
    print(f"{operation.__name__}: seed={seed} statements={number} kills={kills} of {len(points)} points")
    assert kills >= len(points) - 1


def make_pairs(username: str) -> User:
    """Make 24 contacts, each two with one name and address and a title of their own."""
    owner = User.objects.create_user(username, is_staff=True)
    for number in range(PEOPLE):
        name = f"Given{number // 2} Family"
        email = f"person{number // 2}@example.com"
        make_contact(owner, name, email=email, title=f"Title {number}", notes=f"Note {number}")
    return owner


def everybody(owner: User) -> list[tuple[Any, ...]]:
    contacts = Contact.objects.filter(owner=owner).order_by("sort_name", "title")
    emails = ContactEmail.objects.filter(owner=owner).order_by("contact__title", "address")
    return [
        *contacts.values_list("display_name", "title", "notes", "locked_fields"),
        *emails.values_list("contact__title", "address", "is_primary"),
    ]
