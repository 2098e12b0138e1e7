from __future__ import annotations

import json
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from config.jobs.claiming import MAX_CRASHES, claim, claim_query, is_due, reap
from config.jobs.models import JobAttempt, Priority
from media_store.models import PhotoJob
from tests.faults.processes import running
from tests.faults.queue import make_job, make_jobs

CLAIM_ALL = """
import json, django
django.setup()
from config.jobs.claiming import claim
from media_store.models import PhotoJob
ids = []
print("ready", flush=True)
while batch := claim(PhotoJob, limit=7):
    ids += [job.pk for job in batch]
print(json.dumps(ids))
"""


def claim_all() -> list[int]:
    ids: list[int] = []
    while batch := claim(PhotoJob, limit=7):
        ids += [job.pk for job in batch]
    connections.close_all()
    return ids


def expire(job: PhotoJob) -> None:
    PhotoJob.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def crash(job: PhotoJob) -> None:
    """Let a worker claim the job and die."""
    PhotoJob.objects.filter(pk=job.pk).update(next_attempt_at=timezone.now())
    claim(PhotoJob, limit=1)
    expire(job)
    reap(PhotoJob)
    job.refresh_from_db()


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_claimers_in_threads_and_processes_never_share_a_job() -> None:
    expected = {job.pk for job in make_jobs(1_500)}
    with (
        running("-c", CLAIM_ALL, stdout=subprocess.PIPE) as first,
        running("-c", CLAIM_ALL, stdout=subprocess.PIPE) as second,
        ThreadPoolExecutor(4) as pool,
    ):
        for process in (first, second):
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        claimed = [pool.submit(claim_all) for _ in range(4)]
        counts = Counter(pk for future in claimed for pk in future.result())
        for process in (first, second):
            counts.update(json.loads(process.communicate()[0]))
    assert set(counts) == expected
    assert set(counts.values()) == {1}


@pytest.mark.django_db
def test_a_claim_takes_what_a_person_waits_for_first_then_the_oldest() -> None:
    now = timezone.now()
    late, early = (make_job(next_attempt_at=now - timedelta(minutes=minutes)) for minutes in (1, 2))
    backfill = make_job(priority=Priority.BACKFILL, next_attempt_at=now - timedelta(hours=1))
    person = make_job(priority=Priority.PERSON)
    assert [job.pk for job in claim(PhotoJob, limit=10)] == [person.pk, early.pk, late.pk, backfill.pk]


@pytest.mark.django_db
def test_a_job_that_is_held_or_due_later_is_not_claimed() -> None:
    make_job(held_reason="paused")
    make_job(next_attempt_at=timezone.now() + timedelta(minutes=1))
    assert not is_due(PhotoJob)
    assert claim(PhotoJob, limit=10) == []


@pytest.mark.django_db
def test_the_attempt_is_counted_when_it_begins() -> None:
    make_job()
    [job] = claim(PhotoJob, limit=1)
    assert (job.state, job.attempts) == ("downloading", 1)
    assert PhotoJob.objects.get().lease_token == job.lease_token
    lease_until = PhotoJob.objects.get().lease_until
    assert lease_until is not None
    assert 50 < (lease_until - timezone.now()).total_seconds() <= 60


@pytest.mark.django_db(transaction=True)
def test_a_job_whose_worker_dies_three_times_fails_and_remembers_where_it_was() -> None:
    job = make_job()
    states = []
    for _ in range(MAX_CRASHES):
        crash(job)
        states.append((job.state, job.crashes, job.resume_state))
    assert states == [("pending", 1, ""), ("pending", 2, ""), ("failed", 3, "pending")]
    assert job.finished_at is not None
    assert job.error_code == "crashed"
    assert list(JobAttempt.objects.values_list("job_id", "outcome")) == [(job.pk, "crashed")] * 3


@pytest.mark.django_db(transaction=True)
def test_a_crashed_job_waits_longer_each_time() -> None:
    job = make_job()
    for seconds in (15, 30):
        crash(job)
        assert job.next_attempt_at - timezone.now() == pytest.approx(
            timedelta(seconds=seconds), abs=timedelta(seconds=5)
        )


@pytest.mark.django_db
def test_a_lease_that_has_not_expired_is_not_reaped() -> None:
    make_job()
    claim(PhotoJob, limit=1)
    assert reap(PhotoJob) == 0
    assert PhotoJob.objects.get().state == "downloading"


@pytest.mark.django_db(transaction=True)
def test_a_job_that_has_crashed_is_claimed_alone() -> None:
    hour_ago = timezone.now() - timedelta(hours=1)
    suspects = [job.pk for job in make_jobs(2, crashes=1, next_attempt_at=hour_ago)]
    good = [job.pk for job in make_jobs(3)]
    batches = [[job.pk for job in claim(PhotoJob, limit=10)] for _ in range(4)]
    assert batches == [suspects[:1], suspects[1:], good, []]


@pytest.mark.django_db(transaction=True)
def test_good_jobs_do_not_wait_for_one_that_has_crashed_further_back() -> None:
    good = [job.pk for job in make_jobs(3)]
    suspect = make_job(crashes=1)
    batches = [[job.pk for job in claim(PhotoJob, limit=10)] for _ in range(2)]
    assert batches == [good, [suspect.pk]]


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_a_claim_reads_the_partial_index_in_its_order(mode: str) -> None:
    make_jobs(3_000, state="completed")
    make_jobs(3_000)
    statement = claim_query(PhotoJob, limit=10).replace("%s", "$1")
    with connection.cursor() as cursor:
        cursor.execute("analyze media_store_photojob")
        cursor.execute(f"set local plan_cache_mode = {mode}")
        cursor.execute(f"prepare claiming(text) as {statement}")
        cursor.execute("explain execute claiming('test')")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("deallocate claiming")
    locking = plan.split("CTE due")[1].split("Index Scan using photojob_due")[0]
    assert locking.count("->") == 3, plan  # limit, lock, and nothing between them and the index: no sort
    assert "Seq Scan" not in plan
