"""Pictures are asked for again by their age; what has not changed costs one small answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_httpserver import HTTPServer

from config.jobs.draining import drain
from config.jobs.models import Priority
from media_store.models import PhotoJob, StoredFile
from media_store.photos import cancel_pending, enqueue_recheck, enqueue_retry_recent
from media_store.rechecking import recheck_photos
from tests.factories import draw_image, make_photo_job

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def web(httpserver: HTTPServer, settings: Any) -> HTTPServer:
    settings.PHOTO_ALLOWED_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


def age(days: float) -> None:
    """Let that much time have passed since the last look."""
    for name in ("checked_at", "absent_since"):
        for job in PhotoJob.objects.exclude(**{name: None}):
            PhotoJob.objects.filter(pk=job.pk).update(**{name: getattr(job, name) - days * DAY})


def look() -> None:
    recheck_photos()
    drain("photos", is_ringing=False)


def stored(web: HTTPServer, owner: User) -> PhotoJob:
    web.expect_request("/a.jpg").respond_with_data(draw_image(), headers={"ETag": '"one"'})
    job = make_photo_job(owner, source_url=web.url_for("/a.jpg"))
    drain("photos", is_ringing=False)
    job.refresh_from_db()
    assert job.verdict == "ok"
    web.clear_all_handlers()
    return job


def test_an_unchanged_picture_costs_one_answer_without_a_body(web: HTTPServer, owner: User) -> None:
    job = stored(web, owner)
    web.expect_request("/a.jpg", headers={"If-None-Match": '"one"'}).respond_with_data(status=304)
    age(7)
    look()
    before = (job.file.name, job.stored_at)
    job.refresh_from_db()
    assert (job.state, job.verdict, (job.file.name, job.stored_at)) == ("completed", "unchanged", before)
    assert StoredFile.objects.count() == 1
    assert len(web.log) == 2


def test_only_what_was_asked_long_ago_is_asked_again(web: HTTPServer, owner: User) -> None:
    stored(web, owner)
    age(5)
    assert enqueue_recheck(now=timezone.now()) == 0
    age(2)
    assert enqueue_recheck(now=timezone.now()) == 1
    assert PhotoJob.objects.get().priority == Priority.BACKFILL


@pytest.mark.parametrize(
    "fields",
    [
        {"verdict": "unsafe", "state": "failed"},
        {"source_kind": "stored"},
        {"source_url": ""},
        {"state": "cancelled"},
        {"state": "failed", "verdict": "gone", "gone_at": timezone.now()},
    ],
)
def test_what_can_only_give_the_same_answer_is_not_asked(fields: dict[str, Any], owner: User) -> None:
    make_photo_job(owner, **{"state": "completed", "checked_at": timezone.now() - 30 * DAY, **fields})
    assert enqueue_recheck(now=timezone.now()) == 0


@pytest.mark.parametrize("status", [404, 410])
def test_a_picture_is_gone_when_it_is_absent_twice_a_week_apart(status: int, web: HTTPServer, owner: User) -> None:
    job = stored(web, owner)
    file = job.file.name
    web.expect_request("/a.jpg").respond_with_data(status=status)
    for days, is_gone in ((7, False), (1, False), (6, True)):
        age(days)
        PhotoJob.objects.update(checked_at=timezone.now() - 7 * DAY)
        look()
        job.refresh_from_db()
        assert job.verdict == "gone"
        assert (job.gone_at is not None) is is_gone
        assert job.file.name == file, "the last good picture stays"
    age(30)
    assert enqueue_recheck(now=timezone.now()) == 0


def test_a_picture_that_comes_back_is_no_longer_absent(web: HTTPServer, owner: User) -> None:
    job = stored(web, owner)
    web.expect_oneshot_request("/a.jpg").respond_with_data(status=404)
    age(7)
    look()
    job.refresh_from_db()
    assert job.absent_since is not None
    web.expect_request("/a.jpg").respond_with_data(draw_image(size=(300, 500)))
    age(7)
    look()
    job.refresh_from_db()
    assert job.verdict == "ok"
    assert PhotoJob.objects.filter(absent_since=None, gone_at=None).exists()


def test_an_error_of_the_server_says_nothing_about_absence(web: HTTPServer, owner: User) -> None:
    job = stored(web, owner)
    for status in (404, 500):
        web.clear_all_handlers()
        web.expect_request("/a.jpg").respond_with_data(status=status)
        age(7)
        look()
    job.refresh_from_db()
    assert (job.verdict, job.gone_at) == ("server_error", None)
    assert job.absent_since is not None


def test_what_failed_in_the_last_day_can_be_tried_again_at_once(owner: User) -> None:
    now = timezone.now()
    recent = make_photo_job(owner, state="failed", finished_at=now - 0.9 * DAY)
    make_photo_job(owner, state="failed", finished_at=now - 1.1 * DAY)
    make_photo_job(owner, state="cancelled", finished_at=now)
    assert enqueue_retry_recent(PhotoJob.objects.all(), now=now) == 1
    assert list(PhotoJob.objects.filter(state="pending")) == [recent]


def test_all_that_waits_can_be_cancelled(owner: User) -> None:
    waiting = make_photo_job(owner)
    make_photo_job(owner, state="failed")
    make_photo_job(owner, state="completed")
    assert cancel_pending(PhotoJob.objects.all()) == 1
    assert list(PhotoJob.objects.filter(state="cancelled")) == [waiting]
