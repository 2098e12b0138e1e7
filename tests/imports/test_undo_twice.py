"""When an import can be undone, what a second undo does, and what happens between its batches."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection

from config.jobs.claiming import claim
from config.jobs.draining import Budget, drain
from contacts.models import Contact
from imports import lifecycle, undoing
from imports.lifecycle import NotAllowed
from imports.models import ImportJob, ImportRow
from imports.running import run_import_jobs
from tests.imports.builders import card, import_file, many_cards, plan_file, the_contact
from tests.imports.undone import buckets, undo

pytestmark = pytest.mark.django_db

ADA = card("Ada Example", uid="ada", emails=["ada@example.com"], phones=["+12025550101"])


def test_a_second_undo_does_nothing_and_says_so(owner: User) -> None:
    job = import_file(owner, ADA)
    undo(job)
    with pytest.raises(NotAllowed, match="undone already"):
        lifecycle.undo(job)
    assert buckets(job) == {"reversed": 1}


def test_an_import_that_waits_or_wrote_nothing_cannot_be_undone(owner: User) -> None:
    with pytest.raises(NotAllowed, match="has ended"):
        lifecycle.undo(plan_file(owner, ADA))
    import_file(owner, ADA)
    with pytest.raises(NotAllowed, match="written nothing"):
        lifecycle.undo(import_file(owner, ADA))


def test_a_row_that_the_database_refuses_is_errored_and_the_others_are_undone(owner: User) -> None:
    job = import_file(owner, many_cards(5))
    stubborn = the_contact(owner, display_name="Given2 Family2")
    with connection.cursor() as cursor:
        cursor.execute("create table keeper (contact_id uuid references contacts_contact deferrable)")
        cursor.execute("insert into keeper values (%s)", [stubborn.pk])
    undo(job)
    assert buckets(job) == {"reversed": 4, "errored": 1}
    row = ImportRow.objects.get(undo="errored")
    assert row.contact_id == stubborn.pk
    assert "database refused" in row.error
    assert Contact.objects.get() == stubborn


def test_undoing_works_in_batches_and_its_cancelled_rest_can_be_retried(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "CHUNK_ROWS", 3)
    job = import_file(owner, many_cards(10))
    lifecycle.undo(job)
    lifecycle.cancel(job)
    lifecycle.undo(job)
    run_import_jobs(claim(ImportJob, limit=1), Budget.of(0))
    job.refresh_from_db()
    assert (job.state, job.reversed, job.processed) == ("undo_requested", 3, 3)
    drain("imports", seconds=None, is_ringing=False)
    job.refresh_from_db()
    assert buckets(job) == {"reversed": 10}


def test_uploads_of_the_owner_are_kept(owner: User) -> None:
    job = lifecycle.start_upload(owner, file=ContentFile(ADA.encode()), name="a.vcf", has_preview=False)
    drain("imports", seconds=None, is_ringing=False)
    undo(job)
    assert job.upload.storage.exists(str(job.upload.name))
