from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from django.db import connection, connections, transaction

from config.jobs import leases
from config.jobs.claiming import claim
from config.jobs.controls import cancel
from config.jobs.leases import Heartbeat, LeaseLost, fenced, fenced_many
from config.jobs.statements import fetch
from media_store.models import PhotoJob
from tests.faults.queue import make_jobs

pytestmark = pytest.mark.django_db(transaction=True)


def claim_jobs(count: int) -> list[PhotoJob]:
    make_jobs(count)
    return claim(PhotoJob, limit=count)


def take_away(job: PhotoJob) -> None:
    cancel(PhotoJob.objects.filter(pk=job.pk))


def shorten(job: PhotoJob) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "update media_store_photojob set lease_until = now() + interval '1 second' where id = %s", [job.pk]
        )


def seconds_left(job: PhotoJob) -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "select extract(epoch from lease_until - now()) from media_store_photojob where id = %s", [job.pk]
        )
        return float(cursor.fetchone()[0])


@contextmanager
def locked_elsewhere(job: PhotoJob) -> Iterator[None]:
    """Hold the row of `job` locked from another connection while the block runs."""
    is_locked, is_over = threading.Event(), threading.Event()

    def lock() -> None:
        with transaction.atomic():
            PhotoJob.objects.select_for_update().get(pk=job.pk)
            is_locked.set()
            is_over.wait(10)
        connections.close_all()

    thread = threading.Thread(target=lock)
    thread.start()
    is_locked.wait(10)
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_a_fenced_transaction_commits_and_renews_while_the_job_is_held() -> None:
    [job] = claim_jobs(1)
    shorten(job)
    with fenced(job):
        PhotoJob.objects.filter(pk=job.pk).update(sha256="effect")
    assert PhotoJob.objects.get().sha256 == "effect"
    assert seconds_left(job) > 50


def test_a_fence_lets_nothing_be_written_once_the_lease_is_lost() -> None:
    [job] = claim_jobs(1)
    take_away(job)
    with pytest.raises(LeaseLost), fenced(job):
        PhotoJob.objects.filter(pk=job.pk).update(sha256="effect")
    assert PhotoJob.objects.get().sha256 == ""


def test_a_fence_of_many_gives_only_those_still_held() -> None:
    jobs = claim_jobs(3)
    take_away(jobs[1])
    with fenced_many(jobs) as held:
        assert [job.pk for job in held] == [jobs[0].pk, jobs[2].pk]


def test_a_fence_of_a_job_claimed_again_by_another_worker_is_refused() -> None:
    [first] = claim_jobs(1)
    PhotoJob.objects.update(state="pending", lease_token=None, lease_until=None)
    [second] = claim(PhotoJob, limit=1)
    assert first.pk == second.pk
    with pytest.raises(LeaseLost), fenced(first):
        pass


def test_whoever_takes_a_job_away_waits_for_the_fence_that_was_first() -> None:
    [job] = claim_jobs(1)
    order: list[str] = []

    def cancel_it() -> None:
        take_away(job)
        order.append("cancelled")
        connections.close_all()

    thread = threading.Thread(target=cancel_it)
    with fenced(job):
        thread.start()
        time.sleep(0.3)
        order.append("effect")
    thread.join()
    assert order == ["effect", "cancelled"]


def test_the_heartbeat_keeps_the_lease_of_a_long_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.1)
    [job] = claim_jobs(1)
    heartbeat = Heartbeat()
    with heartbeat.holding([job]):
        shorten(job)
        time.sleep(0.6)
        assert seconds_left(job) > 50
    time.sleep(0.5)  # for a beat that was under way
    shorten(job)
    time.sleep(0.5)
    assert seconds_left(job) < 1


def test_a_beat_is_one_statement_for_all_jobs_of_a_table() -> None:
    jobs = claim_jobs(5)
    for job in jobs:
        shorten(job)
    with patch("config.jobs.leases.fetch", wraps=fetch) as calls:
        leases._beat({PhotoJob: {job.pk: job.lease_token for job in jobs}})
    assert calls.call_count == 1
    assert all(seconds_left(job) > 50 for job in jobs)


def test_a_beat_does_not_wait_for_a_job_that_is_locked() -> None:
    locked, free = claim_jobs(2)
    for job in (locked, free):
        shorten(job)
    with locked_elsewhere(locked):
        started_at = time.monotonic()
        leases._beat({PhotoJob: {job.pk: job.lease_token for job in (locked, free)}})
        assert time.monotonic() - started_at < 2
    assert seconds_left(locked) <= 1
    assert seconds_left(free) > 50


def test_a_forked_child_does_not_keep_its_parents_leases() -> None:
    [job] = claim_jobs(1)
    heartbeat = Heartbeat()
    with heartbeat.holding([job]):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writing, b"empty" if not heartbeat._held and heartbeat._thread is None else b"kept")
            os._exit(0)
        os.waitpid(pid, 0)
        os.close(writing)
        assert os.read(reading, 100) == b"empty"
        os.close(reading)
    connections.close_all()
