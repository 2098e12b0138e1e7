"""The way of a picture: downloaded, decoded, stored, and what a failure leaves behind. Real servers and children."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone
from django_q.models import OrmQ
from pytest_httpserver import HTTPServer

from config.jobs.claiming import claim
from config.jobs.draining import Budget, drain
from config.jobs.models import HeldReason, JobAttempt, Priority
from media_store import pipeline, sources, storing
from media_store.models import Blob, PhotoJob, StoredFile
from media_store.photos import create_photo_job, enqueue_refresh, enqueue_retry, set_source
from media_store.results import Result
from tests.factories import draw_image, make_photo_job

pytestmark = pytest.mark.django_db

PICTURE, OTHER = draw_image(), draw_image(size=(900, 300))


@pytest.fixture
def web(httpserver: HTTPServer, settings: Any) -> HTTPServer:
    settings.PHOTO_ALLOWED_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    settings.PHOTO_DEADLINE_SECONDS = 3
    return httpserver


def give(web: HTTPServer, content: bytes = PICTURE, *, path: str = "/a.jpg", **options: Any) -> str:
    """Serve `content` at `path` from now on; return its address."""
    web.clear_all_handlers()
    web.expect_request(path).respond_with_data(content, **options)
    return web.url_for(path)


def run() -> dict[str, int]:
    return drain("photos", is_ringing=False).as_counts()


def stored_bytes(job: PhotoJob) -> bytes:
    with job.file.open() as file:
        content: bytes = file.read()
        return content


def job_at(url: str, owner: User, **fields: Any) -> PhotoJob:
    return make_photo_job(owner, source_url=url, **fields)


def completed_job(web: HTTPServer, owner: User, **options: Any) -> PhotoJob:
    job = job_at(give(web, **options), owner)
    run()
    job.refresh_from_db()
    assert job.state == PhotoJob.State.COMPLETED
    return job


def test_a_picture_is_downloaded_made_square_and_stored(web: HTTPServer, owner: User) -> None:
    job = job_at(give(web, headers={"ETag": '"one"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}), owner)
    assert run() == {"processed": 1, "completed": 1, "retried": 0, "failed": 0}
    job.refresh_from_db()
    content = stored_bytes(job)
    assert content.startswith(b"RIFF")
    assert (job.state, job.verdict, job.etag) == ("completed", "ok", '"one"')
    assert job.last_modified == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert job.sha256 == hashlib.sha256(content).hexdigest()
    assert job.source_sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert str(job.file).startswith(f"o{owner.pk}/photos/{job.sha256[:16]}-")
    assert job.checked_at is not None
    assert StoredFile.objects.get(name=job.file.name).content_type == "image/webp"
    attempt = JobAttempt.objects.get(job_id=job.pk)
    assert (attempt.outcome, attempt.code, attempt.bytes) == ("completed", "ok", len(PICTURE))


def test_ten_pictures_take_one_transaction(web: HTTPServer, owner: User, django_assert_max_num_queries: Any) -> None:
    url = give(web)
    jobs = [job_at(url, owner) for _ in range(10)]
    with django_assert_max_num_queries(15):
        pipeline.run_photo_jobs(claim(PhotoJob, limit=10), Budget.of(None))
    assert PhotoJob.objects.filter(state="completed").count() == len(jobs)
    assert Blob.objects.count() == 1
    assert StoredFile.objects.count() == 10


def test_a_picture_from_our_own_store_takes_the_same_way(owner: User) -> None:
    name = default_storage.save(f"o{owner.pk}/imports/a.jpg", ContentFile(PICTURE))
    job = create_photo_job(owner.pk, kind=PhotoJob.SourceKind.STORED, source_ref=name)
    run()
    job.refresh_from_db()
    assert (job.state, job.verdict) == ("completed", "ok")
    assert stored_bytes(job).startswith(b"RIFF")
    assert default_storage.exists(name), "undo and a later look need what was set aside"


def test_a_set_aside_file_that_is_gone_fails_for_good(owner: User) -> None:
    job = create_photo_job(owner.pk, kind=PhotoJob.SourceKind.STORED, source_ref="o1/imports/never.jpg")
    run()
    job.refresh_from_db()
    assert (job.state, job.verdict, job.error_code) == ("failed", "gone", "gone")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered is forgotten after the test."""
    monkeypatch.setattr(sources, "_registered", dict(sources._registered))


@pytest.mark.usefixtures("registry")
def test_an_app_above_can_bring_its_own_kind(owner: User) -> None:
    good, denied, left_out, unknown = (
        make_photo_job(owner, source_kind=kind) for kind in ("graph", "graph", "graph", "never")
    )
    sources.register_source("graph", lambda jobs: {good.pk: PICTURE, denied.pk: PhotoJob.Verdict.DENIED})
    run()
    for job in (good, denied, left_out, unknown):
        job.refresh_from_db()
    assert (good.state, good.verdict) == ("completed", "ok")
    assert (denied.state, denied.held_reason) == ("pending", HeldReason.NEEDS_RECONNECT)
    assert (left_out.state, left_out.verdict) == ("pending", "server_error")
    assert (unknown.state, unknown.verdict) == ("pending", "storage_error")


@pytest.mark.parametrize(
    ("answer", "state", "verdict"),
    [
        ({"status": 404}, "failed", "gone"),
        ({"status": 410}, "failed", "gone"),
        ({"status": 403}, "failed", "denied"),
        ({"content": b"<html>"}, "failed", "not_an_image"),
        ({"content": draw_image("PNG", size=(1, 1))}, "failed", "placeholder"),
        ({"content": bytes(6_000_000)}, "failed", "too_large"),
        ({"status": 301, "headers": {"Location": "http://10.0.0.1/"}}, "failed", "unsafe"),
        ({"status": 500}, "pending", "server_error"),
        ({"status": 429}, "pending", "rate_limited"),
    ],
)
def test_the_verdict_decides_between_retry_and_final(
    answer: dict[str, Any], state: str, verdict: str, web: HTTPServer, owner: User
) -> None:
    job = job_at(give(web, **answer), owner)
    run()
    job.refresh_from_db()
    assert (job.state, job.verdict, job.error_code) == (state, verdict, verdict)
    assert job.last_error
    assert job.checked_at is not None
    assert job.file == ""


def test_a_temporary_failure_is_final_after_the_last_attempt(web: HTTPServer, owner: User, settings: Any) -> None:
    settings.PHOTO_MAX_ATTEMPTS = 2
    job = job_at(give(web, status=500), owner)
    for state in ("pending", "failed"):
        PhotoJob.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        run()
        job.refresh_from_db()
        assert job.state == state


def test_a_wait_that_the_server_asks_for_is_kept(web: HTTPServer, owner: User) -> None:
    job = job_at(give(web, status=429, headers={"Retry-After": "7200"}), owner)
    run()
    job.refresh_from_db()
    assert job.next_attempt_at - timezone.now() > timedelta(minutes=119)


@pytest.mark.parametrize(
    "answer", [{"status": 404}, {"status": 500}, {"content": b"<html>"}, {"content": PICTURE[:900]}]
)
def test_the_last_good_picture_stays_when_a_refresh_fails(answer: dict[str, Any], web: HTTPServer, owner: User) -> None:
    job = completed_job(web, owner)
    before = (job.file.name, job.sha256, job.source_sha256, stored_bytes(job))
    give(web, **answer)
    assert enqueue_refresh(PhotoJob.objects.all()) == 1
    run()
    job.refresh_from_db()
    assert job.verdict not in ("ok", "unchanged")
    assert (job.file.name, job.sha256, job.source_sha256, stored_bytes(job)) == before


def test_a_better_picture_replaces_the_last_which_stays_as_the_previous(web: HTTPServer, owner: User) -> None:
    job = completed_job(web, owner)
    names = [str(job.file)]
    for content in (OTHER, PICTURE):
        give(web, content)
        enqueue_refresh(PhotoJob.objects.all())
        run()
        job.refresh_from_db()
        assert (job.verdict, job.previous_file.name) == ("ok", names[-1])
        names.append(str(job.file))
    assert len(set(names)) == 3
    assert [default_storage.exists(name) for name in names] == [False, True, True]


@pytest.mark.parametrize("how", ["same bytes", "same picture", "304"])
def test_an_unchanged_picture_is_not_stored_again(how: str, web: HTTPServer, owner: User) -> None:
    job = completed_job(web, owner, headers={"ETag": '"one"'})
    if how == "same picture":
        give(web, PICTURE + b"trailing bytes after the end")
    if how == "304":
        web.clear_all_handlers()
        web.expect_request("/a.jpg", headers={"If-None-Match": '"one"'}).respond_with_data(status=304)
        PhotoJob.objects.update(state="pending")
    else:
        enqueue_refresh(PhotoJob.objects.all())
    run()
    before, file = job.checked_at, job.file.name
    job.refresh_from_db()
    assert (job.state, job.verdict, job.file.name, job.previous_file.name) == ("completed", "unchanged", file, "")
    assert job.checked_at is not None
    assert before is not None
    assert job.checked_at > before
    assert StoredFile.objects.count() == 1
    assert job.etag == ('"one"' if how == "304" else job.etag)


def test_a_picture_whose_file_was_lost_is_stored_again(web: HTTPServer, owner: User) -> None:
    job = completed_job(web, owner, headers={"ETag": '"one"'})
    default_storage.delete(str(job.file))
    PhotoJob.objects.update(state="pending")
    run()
    assert "If-None-Match" not in web.log[-1][0].headers
    job.refresh_from_db()
    assert job.verdict == "ok"
    assert stored_bytes(job).startswith(b"RIFF")


def test_a_refresh_asks_without_conditions(web: HTTPServer, owner: User) -> None:
    completed_job(web, owner, headers={"ETag": '"one"'})
    enqueue_refresh(PhotoJob.objects.all())
    run()
    assert "If-None-Match" not in web.log[-1][0].headers


def test_one_bad_result_does_not_cost_the_others_of_its_transaction(
    web: HTTPServer, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = job_at(give(web), owner), job_at(web.url_for("/a.jpg"), owner)
    new_name = storing._new_name

    def name_for(result: Result) -> str:
        return new_name(result) if result.job.pk == good.pk else ""

    monkeypatch.setattr(storing, "_new_name", name_for)
    monkeypatch.setattr("media_store.storage.checked_name", _checked)
    run()
    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.state, good.verdict) == ("completed", "ok")
    assert (bad.state, bad.verdict) == ("pending", "storage_error")
    assert StoredFile.objects.count() == 1


def _checked(name: str) -> str:
    if not name:
        raise OSError("disk full")
    return name


def test_a_job_that_was_cancelled_meanwhile_stores_nothing(web: HTTPServer, owner: User) -> None:
    kept, lost = job_at(give(web), owner), job_at(web.url_for("/a.jpg"), owner)
    jobs = claim(PhotoJob, limit=10)
    PhotoJob.objects.filter(pk=lost.pk).update(state="cancelled", lease_token=None)
    settled = pipeline.run_photo_jobs(jobs, Budget.of(None))
    assert [settlement.job.pk for settlement in settled] == [kept.pk]
    lost.refresh_from_db()
    assert (lost.state, lost.file.name, lost.verdict) == ("cancelled", "", "")
    assert StoredFile.objects.count() == 1


def rung() -> int:
    return int(OrmQ.objects.count())


def test_a_new_job_rings_and_a_rolled_back_one_does_not(owner: User) -> None:
    job = create_photo_job(owner.pk, kind="url", source_url="https://pictures.example.com/a.jpg", path_hint="contacts")
    assert (job.state, job.priority, job.path_hint, rung()) == ("pending", Priority.NORMAL, "contacts", 1)
    with transaction.atomic():
        create_photo_job(owner.pk, kind="url", source_url="https://pictures.example.com/b.jpg")
        transaction.set_rollback(True)
    assert (PhotoJob.objects.count(), rung()) == (1, 1)


def test_a_retry_takes_failed_and_cancelled_jobs_only(owner: User) -> None:
    for state in ("pending", "completed", "failed", "cancelled"):
        make_photo_job(owner, state=state, attempts=3)
    assert enqueue_retry(PhotoJob.objects.all()) == 2
    retried = PhotoJob.objects.filter(priority=Priority.PERSON)
    assert set(retried.values_list("state", "attempts")) == {("pending", 0)}
    assert rung() == 1


def test_a_refresh_takes_completed_and_failed_jobs_only(owner: User) -> None:
    for state in ("pending", "completed", "failed", "cancelled"):
        make_photo_job(owner, state=state, etag='"one"')
    running = make_photo_job(owner)
    claim(PhotoJob, limit=1)
    assert enqueue_refresh(PhotoJob.objects.all()) == 2
    assert set(PhotoJob.objects.filter(priority=Priority.PERSON).values_list("state", "etag")) == {("pending", "")}
    assert rung() == 1
    assert enqueue_refresh(PhotoJob.objects.filter(pk=running.pk)) == 0
    assert rung() == 1


def test_a_new_source_takes_the_job_away_from_a_busy_worker(web: HTTPServer, owner: User) -> None:
    job = completed_job(web, owner)
    first = job.file.name
    enqueue_refresh(PhotoJob.objects.all())
    give(web, OTHER)
    jobs = claim(PhotoJob, limit=1)
    set_source(job, kind="url", source_url=web.url_for("/b.jpg"), path_hint="contacts")
    assert pipeline.run_photo_jobs(jobs, Budget.of(0)) == []
    job.refresh_from_db()
    assert (job.state, job.file.name, job.source_url) == ("pending", first, web.url_for("/b.jpg"))
    give(web, OTHER, path="/b.jpg")
    run()
    job.refresh_from_db()
    assert (job.state, job.verdict) == ("completed", "ok")
    assert job.file.name != first


def test_a_batch_is_no_larger_than_what_can_start_now(settings: Any) -> None:
    for size, concurrency, expected in ((10, 10, 10), (500, 500, 50), (20, 4, 4), (0, 0, 1)):
        settings.PHOTO_BATCH_SIZE, settings.PHOTO_CONCURRENCY = size, concurrency
        assert pipeline.batch_size() == expected


def test_threads_never_open_a_connection(web: HTTPServer, owner: User) -> None:
    """The number of connections of this database does not grow while jobs run."""
    url = give(web)
    for _ in range(10):
        job_at(url, owner)
    run()
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and backend_type = 'client backend'"
        )
        row = cursor.fetchone()
    assert row is not None
    assert row[0] == 1
