from __future__ import annotations

import json
import signal
import subprocess
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from config.jobs.claiming import claim, reap
from config.jobs.models import JobAttempt
from config.jobs.settling import completed, settle
from media_store.models import PhotoJob
from tests.faults.processes import running, wait_until
from tests.faults.queue import create_effects, effects, make_job, make_jobs

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

RUN_JOBS = ("manage.py", "run_jobs", "--queue", "photos", "--json")


def expire_leases() -> None:
    PhotoJob.objects.filter(lease_token__isnull=False).update(lease_until=Now() - timedelta(seconds=1))


def test_a_worker_that_was_stopped_and_lost_its_lease_changes_nothing() -> None:
    create_effects()
    job = make_job("sleep:1.5")
    with running(*RUN_JOBS, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as worker:
        wait_until(lambda: PhotoJob.objects.filter(state="downloading").exists(), seconds=20)
        worker.send_signal(signal.SIGSTOP)
        expire_leases()
        assert reap(PhotoJob) == 1
        PhotoJob.objects.update(next_attempt_at=Now())
        [second] = claim(PhotoJob, limit=1)
        worker.send_signal(signal.SIGCONT)
        answer = json.loads(worker.communicate(timeout=20)[0])
    assert (answer["processed"], answer["completed"]) == (0, 0)
    assert effects() == []
    assert len(settle([completed(second)])) == 1
    job.refresh_from_db()
    assert job.state == "completed"


def test_a_job_that_kills_its_worker_ends_after_three_and_the_others_are_done() -> None:
    create_effects()
    good = [job.pk for job in make_jobs(3, "ok")]
    poison = make_job("kill", priority=0)
    for _ in range(3):
        with running(*RUN_JOBS, stderr=subprocess.DEVNULL) as worker:
            assert worker.wait(20) == -signal.SIGKILL
        expire_leases()
        assert reap(PhotoJob) >= 1
        PhotoJob.objects.exclude(state="completed").update(next_attempt_at=Now())
    with running(*RUN_JOBS, stdout=subprocess.PIPE) as worker:
        worker.communicate(timeout=20)
    poison.refresh_from_db()
    assert (poison.state, poison.crashes, poison.error_code) == ("failed", 3, "crashed")
    assert JobAttempt.objects.filter(job_id=poison.pk, outcome="crashed").count() == 3
    assert effects() == good
    assert not PhotoJob.objects.filter(pk__in=good).exclude(state="completed").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_jobs_finishes_its_batch_when_asked_to_stop(number: signal.Signals) -> None:
    create_effects()
    make_jobs(20, "sleep:0.1")
    with running(*RUN_JOBS, "--until-empty", stdout=subprocess.PIPE) as worker:
        wait_until(effects, seconds=20)
        worker.send_signal(number)
        answer = json.loads(worker.communicate(timeout=20)[0])
    assert worker.returncode == 0
    assert answer["processed"] == len(effects())
    assert 0 < answer["processed"] < 20
    assert answer["processed"] % 5 == 0
    assert "Stopped before the queue was empty." in answer["message"]
    assert not PhotoJob.objects.filter(state="downloading").exists()
