"""Random sequences of importing, writing by hand, undoing, merging, parting and erasing: what a person wrote stays.

Short in the test suite; `make faults` (KITH_FAULTS=long) plays 1,000 sequences.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contacts.erasing import erase_contacts
from contacts.events import log_event
from contacts.merging import MergeRefused, Pair, merge, unmerge
from contacts.models import CommunicationEvent, Contact, ContactEmail
from contacts.provenance import lines_of, note_edits
from imports import lifecycle
from imports.models import ImportJob
from tests.factories import make_user
from tests.faults.trust_model import Person, Written
from tests.imports.builders import adds_up, card, cards, import_file
from tests.imports.undone import buckets, everything, undo

pytestmark = pytest.mark.django_db

IS_LONG = os.environ.get("KITH_FAULTS") == "long"
RUNS, STEPS = (1_000, 20) if IS_LONG else (15, 12)
# In one run: these two take most of the time, and the others have their turn more often.
MOST_IMPORTS, MOST_ERASED = 4, 2

# Person, id in the file, title: one person may have two ids, and two files give them different titles.
ENTRIES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["", "a", "b"]), st.sampled_from(["", "Engineer", "Director"])),
    min_size=1,
    max_size=4,
)
TITLES = st.sampled_from(["Boss", "Engineer", "Director"])


class Hub(RuleBasedStateMachine):
    """One owner's hub; `person` is what somebody has written into it. A run leaves no rows to the next."""

    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.owner = make_user()
        self.person = Person()
        self.jobs: list[ImportJob] = []
        self.titles: dict[int, set[str]] = {}
        self.looked_at: dict[UUID, Any] = {}
        self.erased = 0
        self.seen["runs"] += 1

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    def contacts(self) -> list[Contact]:
        return list(Contact.objects.filter(owner=self.owner).order_by("pk"))

    def draw(self, data: st.DataObject) -> Contact:
        return data.draw(st.sampled_from(self.contacts()))

    # --- Files --------------------------------------------------------------------------------------------------------
    @initialize(entries=ENTRIES)
    def begin(self, entries: list[tuple[int, str, str]]) -> None:
        """Always two people, so that there is somebody to merge."""
        self.import_file([(0, "", ""), (1, "", ""), *entries], is_overwriting=False, is_twice=True)

    @precondition(lambda self: len(self.jobs) < MOST_IMPORTS)
    @rule(entries=ENTRIES, is_overwriting=st.booleans(), is_twice=st.booleans())
    def import_file(self, entries: list[tuple[int, str, str]], is_overwriting: bool, is_twice: bool) -> None:
        """Import, and perhaps import again: everybody is known then."""
        content = cards(*(_card(*entry) for entry in entries))
        on_conflict = "overwrite" if is_overwriting else "fill_blanks"
        for is_again in (False, True)[: 1 + is_twice]:
            job = import_file(self.owner, content, on_conflict=on_conflict)
            assert adds_up(job)
            assert not is_again or job.created == 0, "nobody is made twice"
            self.titles[job.pk] = {title for _, _, title in entries}
            if not is_again:
                self.jobs.append(job)
        self.seen["imports"] += 1

    @rule(data=st.data())
    def undo_an_import(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.jobs))
        before = everything(self.owner)
        try:
            undo(job)
        except lifecycle.NotAllowed:
            assert everything(self.owner) == before, "a second undo does nothing"
            return
        assert sum(buckets(job).values()) == job.created + job.updated
        self.seen["undone imports"] += 1

    # --- By hand ------------------------------------------------------------------------------------------------------
    @precondition(lambda self: self.contacts())
    @rule(data=st.data(), title=TITLES)
    def write_a_title(self, data: st.DataObject, title: str) -> None:
        """As the admin does: the field is locked, and who wrote it is remembered."""
        contact = self.draw(data)
        if contact.title == title:
            return
        contact.title, contact.locked_fields = title, sorted({*contact.locked_fields, "title"})
        contact.updated_at = timezone.now()
        contact.save()
        note_edits(contact, [("title", 0)], edited_by="alice", now=timezone.now())
        self.person.write_title(contact.pk, title)

    @precondition(lambda self: self.contacts())
    @rule(data=st.data(), name=st.sampled_from(["x", "y"]))
    def write_an_address(self, data: st.DataObject, name: str) -> None:
        contact, address = self.draw(data), f"{name}@example.org"
        email, is_new = ContactEmail.objects.get_or_create(
            owner=self.owner, contact=contact, normalized=address, defaults={"address": address}
        )
        if is_new:
            note_edits(contact, [("emails", email.pk)], edited_by="alice", now=timezone.now())
            self.person.of(contact.pk).emails.add(address)

    @precondition(lambda self: self.contacts())
    @rule(data=st.data())
    def write_a_note(self, data: st.DataObject) -> None:
        contact = self.draw(data)
        self.person.of(contact.pk).notes.add(log_event(contact, kind="note", happened_at=timezone.now()).pk)

    # --- Merging ------------------------------------------------------------------------------------------------------
    @precondition(lambda self: len(self.contacts()) > 1)
    @rule(data=st.data(), take=st.sampled_from([None, (), ("title",)]))
    def merge_two(self, data: st.DataObject, take: tuple[str, ...] | None) -> None:
        survivor, loser = data.draw(st.permutations(self.contacts()))[:2]
        record = merge(Pair(survivor.pk, loser.pk, take=take), owner_id=self.owner.pk, now=timezone.now())
        chosen = None
        if take is not None and survivor.title != loser.title:
            chosen = loser.title if take else survivor.title
        self.person.merge(record, survivor=survivor, loser=loser.pk, chosen=chosen)
        self.seen["merges"] += 1

    @precondition(lambda self: self.person.merges)
    @rule(data=st.data())
    def part_two(self, data: st.DataObject) -> None:
        merged = data.draw(st.sampled_from(self.person.merges))
        try:
            unmerge([merged.record], owner_id=self.owner.pk, now=timezone.now())
        except MergeRefused:
            assert not self.person.is_last(merged)
            return
        assert self.person.is_last(merged)
        self.person.unmerge(merged)
        self.seen["parted"] += 1

    # --- Erasing ------------------------------------------------------------------------------------------------------
    @precondition(lambda self: self.erased < MOST_ERASED and len(self.contacts()) > 2)
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        contact = self.draw(data)
        erase_contacts([contact.pk], now=timezone.now())
        assert not Contact.objects.filter(pk=contact.pk).exists()
        self.person.forget(contact.pk)
        self.erased += 1
        self.seen["erased"] += 1

    # --- What must hold -----------------------------------------------------------------------------------------------
    @invariant()
    def nothing_that_a_person_wrote_is_lost(self) -> None:
        contacts = {contact.pk: contact for contact in self.contacts()}
        for pk, written in self.person.facts.items():
            if written.title is not None:
                assert contacts[pk].title == written.title
                assert "title" in contacts[pk].locked_fields, "a later import would overwrite it"
            emails = set(ContactEmail.objects.filter(contact=pk).values_list("normalized", flat=True))
            assert written.emails <= emails
            notes = set(CommunicationEvent.objects.filter(contact=pk).values_list("pk", flat=True))
            assert written.notes <= notes

    @invariant()
    def provenance_does_not_lie(self) -> None:
        """Where the title of each contact comes from that has changed since the last look."""
        for contact in self.contacts():
            now = (contact.title, contact.locked_fields, contact.updated_at)
            if self.looked_at.get(contact.pk) == now:
                continue
            self.looked_at[contact.pk] = now
            for line in lines_of(contact):
                if line.label == "Title" and line.value:
                    self.title_is_from(line.origin, line.value, self.person.of(contact.pk), line.url)

    def title_is_from(self, origin: str, value: str, written: Written, url: str) -> None:
        if origin.startswith("edited by hand"):
            assert value == written.title
        elif "importjob" in url:
            assert written.title is None or written.is_chosen
            assert value in self.titles[int(url.split("/")[-3])]
        else:
            assert origin.startswith("merged from") or origin == "not recorded"


def _card(number: int, letter: str, title: str) -> str:
    return card(
        f"Given{number} Family{number}",
        uid=f"{letter}-{number}" if letter else "",
        emails=[f"person{number}@example.com"],
        lines=[f"TITLE:{title}"] if title else [],
    )


@pytest.fixture
def ledger(settings: Any, tmp_path: Path) -> None:
    settings.ERASURE_LEDGER = tmp_path / "erasures"


@pytest.mark.usefixtures("ledger")
def test_what_a_person_wrote_survives_any_sequence_of_imports_and_merges() -> None:
    run_state_machine_as_test(
        Hub,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not IS_LONG,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"seen={dict(Hub.seen)}")
    assert all(Hub.seen[name] for name in ("imports", "undone imports", "merges", "parted", "erased"))
