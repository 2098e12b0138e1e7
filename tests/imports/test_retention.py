from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.utils import timezone

from contacts.models import Contact
from imports import lifecycle, retention
from imports.models import ImportJob, ImportRow, SyncRun
from imports.retention import forget_old
from imports.sync.running import request_file_sync
from tests.factories import make_user
from tests.imports.builders import import_file, many_cards, plan_file, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return make_user("alice")


def end(job: ImportJob, *, days: float) -> ImportJob:
    ImportJob.objects.filter(pk=job.pk).update(finished_at=timezone.now() - timedelta(days=days))
    job.refresh_from_db()
    return job


def texts(job: ImportJob) -> int:
    return ImportRow.objects.filter(job=job).exclude(raw="").count()


def test_thirty_days_after_its_end_an_imports_file_and_text_are_gone(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    old = end(import_file(owner, many_cards(5)), days=31)
    name = str(old.upload)
    assert (texts(old), default_storage.exists(name)) == (5, True)
    assert forget_old(now=timezone.now()) == 1
    old.refresh_from_db()
    assert (texts(old), default_storage.exists(name), str(old.upload)) == (0, False, "")
    assert (old.created, Contact.objects.count()) == (5, 5)
    assert forget_old(now=timezone.now()) == 0


def test_a_younger_import_and_one_that_waits_for_a_person_keep_theirs(owner: User) -> None:
    young = end(import_file(owner, many_cards(2)), days=29)
    waiting = end(plan_file(owner, many_cards(2, first=2)), days=300)
    assert forget_old(now=timezone.now()) == 0
    assert (texts(young), texts(waiting)) == (2, 2)


def test_a_forgotten_import_can_still_be_undone(owner: User) -> None:
    job = end(import_file(owner, many_cards(3)), days=31)
    forget_old(now=timezone.now())
    lifecycle.undo(job)
    run(job)
    assert (job.state, job.reversed, Contact.objects.count()) == ("undone", 3, 0)


def test_a_mail_file_that_could_not_be_read_goes_as_well(owner: User) -> None:
    sync = request_file_sync(owner.pk, BytesIO(b"no mail"), name="x.mbox")
    name = str(sync.upload)
    SyncRun.objects.filter(pk=sync.pk).update(state="failed", finished_at=timezone.now() - timedelta(days=31))
    assert forget_old(now=timezone.now()) == 1
    assert not default_storage.exists(name)
