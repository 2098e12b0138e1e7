"""Undoing by workers that are killed, as by `kill -9`, at the edges of batches and inside them: real processes."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from django.contrib.auth.models import User

from config.jobs.draining import drain
from contacts.events import log_event
from contacts.models import Contact
from imports import lifecycle
from imports.models import ImportJob, ImportRow
from tests.factories import make_contact, make_user
from tests.imports.builders import import_file
from tests.imports.test_resume import let_time_pass, people, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

MOMENTS = [
    ("before:imports.undoing._undo_chunk", 1),
    ("imports.undoing._take_back_created", 1),
    ("imports.undoing._erase", 2),
    ("imports.undoing._take_back_updated", 2),
    ("imports.undoing._undo_chunk", 3),
    ("imports.undoing._save_counters", 2),
    ("imports.undoing._remove_made", 1),
    ("before:imports.undoing._remove_made", 2),
    ("imports.undoing.completed", 1),
]


def prepare(username: str) -> tuple[User, ImportJob]:
    """Import the people, write a note on one of them, edit another, and ask for the undo."""
    owner = make_user(username)
    make_contact(owner, "Known Person", email="known@example.com", given_name="Known", family_name="Person")
    job = import_file(owner, people())
    noted = Contact.objects.get(owner=owner, display_name="Given5 Family5")
    log_event(noted, kind="note", happened_at=job.queued_at, subject="Keep")
    Contact.objects.filter(owner=owner, display_name="Given15 Family15").update(title="Edited")
    lifecycle.undo(job)
    return owner, job


def end_state(owner: User, job: ImportJob) -> dict[str, Any]:
    job.refresh_from_db()
    rows = ImportRow.objects.filter(job=job).order_by("position")
    contacts = Contact.objects.filter(owner=owner)
    names = ["display_name", "title", "organization__name", "tags__name", "emails__address", "pictures__source_url"]
    return {
        "contacts": sorted(contacts.values_list(*names), key=str),
        "rows": list(rows.values_list("position", "outcome", "undo", "undo_reason")),
        "job": (job.state, job.created, job.updated, job.reversed, job.kept, job.errored),
    }


def test_an_undo_ends_the_same_after_its_worker_was_killed() -> None:
    owner, job = prepare("calm")
    drain("imports", seconds=None, is_ringing=False)
    undisturbed = end_state(owner, job)
    assert undisturbed["job"] == ("undone", 34, 1, 33, 2, 0)
    assert len(undisturbed["contacts"]) == 3
    for number, (moment, call) in enumerate(MOMENTS):
        owner, job = prepare(f"killed{number}")
        assert work(moment, str(call)) == -signal.SIGKILL, f"{moment} was never reached"
        let_time_pass()
        drain("imports", seconds=None, is_ringing=False)
        assert end_state(owner, job) == undisturbed, moment
