"""Random sequences of importing, editing and undoing: what a person wrote is never lost, and nothing else stays."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.events import log_event
from contacts.models import CommunicationEvent, Contact, ContactEmail
from imports import lifecycle
from imports.models import ImportJob
from tests.factories import make_user
from tests.imports.builders import adds_up, card, cards, import_file
from tests.imports.undone import buckets, everything, undo

pytestmark = pytest.mark.django_db

PEOPLE = 3
TITLES = ("Engineer", "Director", "")


class Hub:
    """One owner's hub, and what a person has written into it."""

    def __init__(self, owner: User) -> None:
        self.owner = owner
        self.jobs: list[ImportJob] = []
        self.titles: dict[UUID, str] = {}
        self.emails: set[int] = set()
        self.notes: set[int] = set()

    def import_people(self, number: int, title: str, is_overwriting: bool) -> None:
        people = [
            card(
                f"Given{n} Family{n}",
                uid=f"uid-{n}",
                emails=[f"person{n}@example.com"],
                lines=[f"TITLE:{title}", f"ORG:{title} Works", "CATEGORIES:club"] if title else [],
            )
            for n in range(number)
        ]
        on_conflict = "overwrite" if is_overwriting else "fill_blanks"
        self.jobs.append(import_file(self.owner, cards(*people), on_conflict=on_conflict))
        assert adds_up(self.jobs[-1])

    def contact(self, number: int) -> Contact | None:
        contacts = list(Contact.objects.filter(owner=self.owner).order_by("sort_name", "pk"))
        return contacts[number % len(contacts)] if contacts else None

    def edit_title(self, number: int, text: str) -> None:
        if contact := self.contact(number):
            contact.title, contact.locked_fields = text, ["title"]
            contact.save()
            self.titles[contact.pk] = text

    def add_email(self, number: int, text: str) -> None:
        if contact := self.contact(number):
            email, _ = ContactEmail.objects.get_or_create(
                owner=self.owner, contact=contact, address=f"{text}@example.org", normalized=f"{text}@example.org"
            )
            self.emails.add(email.pk)

    def write_note(self, number: int) -> None:
        if contact := self.contact(number):
            event = log_event(contact, kind="note", happened_at=contact.created_at, subject="Mine")
            self.notes.add(event.pk)

    def undo(self, number: int) -> None:
        if self.jobs:
            job = self.jobs[number % len(self.jobs)]
            try:
                undo(job)
            except lifecycle.NotAllowed:
                return
            assert sum(buckets(job).values()) == job.created + job.updated

    def check(self) -> None:
        titles = dict(Contact.objects.filter(pk__in=list(self.titles)).values_list("pk", "title"))
        assert titles == self.titles
        assert set(ContactEmail.objects.filter(pk__in=self.emails).values_list("pk", flat=True)) == self.emails
        assert set(CommunicationEvent.objects.filter(pk__in=self.notes).values_list("pk", flat=True)) == self.notes


NUMBERS = st.integers(0, PEOPLE)
TEXTS = st.sampled_from(["Boss", "Friend", "Engineer"])
IMPORTS = st.tuples(st.just(Hub.import_people), st.integers(1, PEOPLE), st.sampled_from(TITLES), st.booleans())
EDITS = st.one_of(
    st.tuples(st.just(Hub.edit_title), NUMBERS, TEXTS),
    st.tuples(st.just(Hub.add_email), NUMBERS, st.sampled_from(["x", "y"])),
    st.tuples(st.just(Hub.write_note), NUMBERS),
)
UNDOS = st.tuples(st.just(Hub.undo), NUMBERS)
FEW = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def in_a_hub(play: Callable[[Hub], None]) -> None:
    """Play in a new owner's hub, and leave nothing of it."""
    with transaction.atomic():
        play(Hub(make_user()))
        transaction.set_rollback(True)


@FEW
@given(steps=st.lists(st.one_of(IMPORTS, IMPORTS, EDITS, UNDOS), min_size=3, max_size=8))
def test_nothing_that_a_person_wrote_is_lost(db: None, steps: list[tuple[object, ...]]) -> None:
    def play(hub: Hub) -> None:
        for act, *arguments in steps:
            act(hub, *arguments)  # type: ignore[operator]
            hub.check()

    in_a_hub(play)


@FEW
@given(steps=st.lists(IMPORTS, min_size=1, max_size=3))
def test_undoing_all_imports_from_the_last_to_the_first_leaves_nothing(
    db: None, steps: list[tuple[object, ...]]
) -> None:
    def play(hub: Hub) -> None:
        before = everything(hub.owner)
        for act, *arguments in steps:
            act(hub, *arguments)  # type: ignore[operator]
        for number in reversed(range(len(hub.jobs))):
            hub.undo(number)
        assert everything(hub.owner) == before

    in_a_hub(play)
