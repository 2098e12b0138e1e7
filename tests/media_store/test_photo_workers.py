"""Several workers and dying ones: every picture is stored once, by real processes on one database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from config.jobs.claiming import reap
from config.jobs.draining import drain
from config.jobs.models import JobAttempt
from media_store.models import PhotoJob, StoredFile
from tests.factories import draw_image, make_photo_job, make_user
from tests.media_store.servers import Server, reply, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture
def picture_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serves one picture a little slowly, to this process and to those it starts."""
    content = draw_image()

    def answer(connection: Any, _: bytes) -> None:
        time.sleep(0.1)
        connection.sendall(reply(content))

    with serving(answer) as server:
        monkeypatch.setenv("PHOTO_ALLOWED_HOSTS", server.pair)
        monkeypatch.setattr(settings, "PHOTO_ALLOWED_HOSTS", [server.pair])
        yield server


def make_jobs(owner: User, server: Server, count: int) -> list[PhotoJob]:
    return [make_photo_job(owner, source_url=server.url(f"/{number}.jpg")) for number in range(count)]


def worker() -> subprocess.Popen[bytes]:
    """Start a process that drains the queue once."""
    program = "from config.jobs.draining import drain; drain('photos', seconds=None, is_ringing=False)"
    boot = f"import django; django.setup(); {program}"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "PHOTO_BATCH_SIZE": "5"}
    return subprocess.Popen(
        [sys.executable, "-c", boot], cwd=settings.BASE_DIR, env=environment, stderr=subprocess.DEVNULL
    )


def wait_until(condition: Any, *, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_two_workers_at_once_never_store_a_picture_twice(picture_server: Server) -> None:
    jobs = make_jobs(make_user(), picture_server, 40)
    workers = [worker(), worker()]
    assert [process.wait(60) for process in workers] == [0, 0]
    assert PhotoJob.objects.filter(state="completed", verdict="ok").count() == len(jobs)
    assert JobAttempt.objects.filter(outcome="completed").count() == len(jobs)
    assert StoredFile.objects.count() == len(jobs)
    assert len(picture_server.requests) == len(jobs)


def test_after_a_kill_in_the_middle_another_worker_finishes(picture_server: Server) -> None:
    jobs = make_jobs(make_user(), picture_server, 20)
    process = worker()
    wait_until(lambda: PhotoJob.objects.filter(state="completed").exists())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = PhotoJob.objects.filter(state="downloading")
    wait_until(lambda: not _is_working())
    assert left.exists(), "the kill must come in the middle"
    left.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert reap(PhotoJob) > 0
    PhotoJob.objects.update(next_attempt_at=timezone.now())
    _drain_to_the_end()
    assert PhotoJob.objects.filter(state="completed", verdict="ok").count() == len(jobs)
    names = set(PhotoJob.objects.values_list("file", flat=True))
    assert set(StoredFile.objects.live().values_list("name", flat=True)) == names
    assert len(names) == len(jobs)


def _is_working() -> bool:
    """Say whether the killed worker's connection is still open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and backend_type = 'client backend')"
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def _drain_to_the_end() -> None:
    """A job that has crashed is claimed alone; drain until none is left."""
    for _ in range(30):
        drain("photos", is_ringing=False)
        if not PhotoJob.objects.exclude(state="completed").exists():
            return


def test_two_threads_of_one_process_never_store_a_picture_twice(picture_server: Server) -> None:
    jobs = make_jobs(make_user(), picture_server, 20)

    def work() -> None:
        try:
            drain("photos", is_ringing=False)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert PhotoJob.objects.filter(state="completed").count() == len(jobs)
    assert StoredFile.objects.count() == len(jobs)
