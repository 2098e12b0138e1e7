"""Workers that are killed, as by `kill -9`, in every phase and at the edges of pages: real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now

from config.jobs.claiming import reap
from config.jobs.draining import drain
from contacts.models import Contact, ContactEmail, ContactPhone, ContactPicture, ExternalIdentity, Organization, Tag
from imports import executing, planning, sources
from imports.models import ImportJob, ImportRow
from media_store.models import PhotoJob
from tests.factories import make_contact, make_user
from tests.imports.builders import adds_up, card, cards, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

READING = [
    ("before:imports.fetching._save_page", 1),
    ("imports.fetching._save_page", 1),
    ("before:imports.fetching._save_page", 3),
]
PLANNING = [
    ("imports.planning.join_duplicates", 2),
    ("imports.planning.take_over_values", 2),
    ("imports.planning._plan_page", 1),
    ("before:imports.planning._plan_page", 3),
]
IMPORTING = [
    ("imports.executing._run_chunk", 1),
    ("imports.executing._save_counters", 2),
    ("before:imports.executing._run_chunk", 3),
    ("imports.executing.settle", 1),
]


def people() -> str:
    """Return 38 entries with every kind of decision, pictures, tags, companies and duplicates over several pages."""
    entries = [
        card(
            f"Given{n} Family{n}",
            uid=f"uid-{n}" if n % 2 else "",
            emails=[f"person{n}@example.com"],
            phones=[f"+1 202 555 {n:04d}"],
            lines=[
                f"ORG:Company {n % 3}",
                f"CATEGORIES:tag{n % 2}",
                f"PHOTO;VALUE=uri:https://pictures.example.com/{n}.jpg",
                f"URL:https://example.com/{n}",
            ],
        )
        for n in range(33)
    ]
    entries[12:12] = [card("Known Person", emails=["known@example.com"], lines=["TITLE:New"])]
    entries[21:21] = [card("Given1 Family1", emails=["person1@example.com", "more@example.com"])]
    entries[30:30] = [card(), card("Given2 Family2", phones=["202-555-0002"], lines=["NOTE:joined"])]
    return cards(*entries, card("Only Name"))


def work(*arguments: str) -> int:
    """Run a worker until it ends or is killed; return its exit code."""
    command = [sys.executable, "-m", "tests.imports.kill_at", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(settings.BASE_DIR), "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=False, capture_output=True).returncode


def end_state(owner: User) -> dict[str, Any]:
    """Return everything that an import writes, without ids and times."""
    contacts = Contact.objects.filter(owner=owner)
    fields = ["display_name", "given_name", "family_name", "sort_name", "organization__name", "title", "notes"]
    job = ImportJob.objects.get(owner=owner)
    return {
        "contacts": sorted(contacts.values_list(*fields), key=str),
        "emails": sorted(ContactEmail.objects.filter(owner=owner).values_list("contact__display_name", "address")),
        "phones": sorted(ContactPhone.objects.filter(owner=owner).values_list("contact__display_name", "e164")),
        "identities": sorted(ExternalIdentity.objects.filter(owner=owner).values_list("external_id", flat=True)),
        "pictures": sorted(ContactPicture.objects.filter(owner=owner).values_list("source_url", flat=True)),
        "photo_jobs": PhotoJob.objects.filter(owner=owner).count(),
        "tags": sorted(contacts.exclude(tags=None).values_list("display_name", "tags__name")),
        "organizations": sorted(Organization.objects.filter(owner=owner).values_list("name", flat=True)),
        "tag_names": sorted(Tag.objects.filter(owner=owner).values_list("name", flat=True)),
        "rows": list(
            ImportRow.objects.filter(job=job)
            .order_by("position")
            .values_list("position", "decision", "reason", "outcome", "joined_to")
        ),
        "job": (job.state, job.total, job.created, job.updated, job.unchanged, job.skipped, job.invalid, job.failed),
        "photos_queued": job.photos_queued,
    }


def prepare(username: str) -> User:
    owner = make_user(username)
    make_contact(owner, "Known Person", email="known@example.com", given_name="Known", family_name="Person")
    start(owner, people(), has_preview=False)
    return owner


def let_time_pass() -> None:
    """Let the leases of dead workers run out, and the wait after a crash."""
    ImportJob.objects.filter(lease_token__isnull=False).update(lease_until="2000-01-01T00:00:00Z")
    reap(ImportJob)
    ImportJob.objects.update(next_attempt_at=Now())


@pytest.fixture
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for module, size in ((sources, "PAGE_ROWS"), (planning, "PAGE_ROWS"), (executing, "CHUNK_ROWS")):
        monkeypatch.setattr(module, size, 10)
    owner = prepare("calm")
    drain("imports", seconds=None, is_ringing=False)
    state = end_state(owner)
    assert state["job"] == ("completed", 38, 34, 1, 0, 2, 1, 0)
    return state


@pytest.mark.parametrize("moments", [READING, PLANNING, IMPORTING], ids=["reading", "planning", "importing"])
def test_an_import_ends_the_same_after_its_worker_was_killed(
    undisturbed: dict[str, Any], moments: list[tuple[str, int]]
) -> None:
    for number, (moment, call) in enumerate(moments):
        owner = prepare(f"killed{number}")
        assert work(moment, str(call)) == -signal.SIGKILL, f"{moment} was never reached"
        let_time_pass()
        drain("imports", seconds=None, is_ringing=False)
        assert end_state(owner) == undisturbed, moment
        assert adds_up(ImportJob.objects.get(owner=owner))


def test_two_workers_at_once_make_nothing_twice(undisturbed: dict[str, Any]) -> None:
    owner = prepare("twice")
    command = [sys.executable, "-m", "tests.imports.kill_at"]
    environment = {**os.environ, "PYTHONPATH": str(settings.BASE_DIR), "DJANGO_SETTINGS_MODULE": "config.settings"}
    workers = [
        subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stderr=subprocess.DEVNULL) for _ in "ab"
    ]
    for worker in workers:
        assert worker.wait(60) == 0
    drain("imports", seconds=None, is_ringing=False)
    assert end_state(owner) == undisturbed
