"""When an import has ended the webhook and the owner are told once, however it ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config.jobs import controls
from config.jobs.draining import drain
from config.notices.models import Notice
from imports.ending import tell_of_ended
from imports.models import ImportJob
from tests.imports.accounts import make_account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def channels(settings: Any) -> None:
    settings.IMPORT_WEBHOOK_URL = "https://hooks.example.com/kith"
    settings.EMAIL_URL = "smtp://127.0.0.1:1"


def make_ended(owner: User, state: str = "completed", **fields: Any) -> ImportJob:
    ended = {"finished_at": timezone.now(), "total": 5, "created": 3, "invalid": 2, "upload_name": "people.vcf"}
    return ImportJob.objects.create(owner=owner, provider="vcard", state=state, **{**ended, **fields})


def tell() -> int:
    return tell_of_ended(now=timezone.now())


def test_the_end_is_told_once_by_webhook_and_mail(owner: User) -> None:
    job = make_ended(owner)
    assert [tell(), tell()] == [1, 0]
    webhook, mail = Notice.objects.filter(channel="webhook").get(), Notice.objects.filter(channel="email").get()
    assert webhook.payload["import"]["id"] == job.pk
    assert webhook.payload["import"]["status"] == "completed"
    assert webhook.payload["import"]["created"] == 3
    assert webhook.payload["text"] == f"Import {job.pk} of people.vcf: completed. 5 people: 3 created, 2 invalid."
    assert f"http://127.0.0.1:8000/admin/imports/importjob/{job.pk}/change/" in mail.body
    assert mail.owner == owner


def test_a_failure_says_why(owner: User) -> None:
    make_ended(owner, "failed", last_error="The file ends in the middle of a card.")
    tell()
    assert "ends in the middle of a card" in Notice.objects.get(channel="email").body


def test_who_cancelled_it_gets_no_mail(owner: User) -> None:
    make_ended(owner, "cancelled")
    tell()
    assert list(Notice.objects.values_list("channel", flat=True)) == ["webhook"]


def test_an_import_that_ends_again_is_told_of_again(owner: User) -> None:
    job = make_ended(owner, "failed", resume_state="pending")
    tell()
    controls.retry(ImportJob.objects.all())
    assert tell() == 0
    ImportJob.objects.filter(pk=job.pk).update(state="completed", finished_at=timezone.now() + timedelta(seconds=1))
    assert tell() == 1
    assert Notice.objects.filter(channel="webhook").count() == 2


def test_old_news_and_running_imports_are_not_told(owner: User) -> None:
    make_ended(owner, finished_at=timezone.now() - timedelta(days=2))
    make_ended(owner, "ready", finished_at=None)
    assert tell() == 0
    assert not Notice.objects.exists()


def test_without_a_channel_nothing_is_written(owner: User, settings: Any) -> None:
    settings.IMPORT_WEBHOOK_URL = settings.EMAIL_URL = ""
    make_ended(owner)
    tell()
    assert not Notice.objects.exists()


def test_a_worker_tells_of_the_end_at_once(owner: User) -> None:
    """An import of nothing: confirmed without a row, it is completed by its first claim."""
    job = ImportJob.objects.create(owner=owner, provider="vcard", state="confirmed", account=make_account(owner))
    drain("imports", is_ringing=False)
    job.refresh_from_db()
    assert job.state == "completed"
    assert Notice.objects.filter(channel="webhook").exists()
