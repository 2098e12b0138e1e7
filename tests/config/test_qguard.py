from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from django.utils import timezone
from django_q.models import OrmQ

from config.jobs.bell import ring
from config.jobs.models import WorkerBeat
from media_store.models import PhotoJob
from tests.faults.processes import family, running, title_of, wait_until
from tests.faults.queue import create_effects, effects, make_job, make_jobs

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


@contextmanager
def guarded(*, silence: float = 8, grace: float = 20) -> Iterator[subprocess.Popen[str]]:
    """Run a qguard until its first beat came through.

    `silence` has to outlast the start of a cluster beside another test: a guard takes a longer one for dead.
    """
    OrmQ.objects.all().delete()
    WorkerBeat.objects.all().delete()
    create_effects()
    options = ("--beat-every", "0.5", "--silence", str(silence), "--grace", str(grace))
    with running("manage.py", "qguard", *options, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as guard:
        wait_until(lambda: WorkerBeat.objects.exists(), seconds=30)
        yield guard


def called(guard: subprocess.Popen[str], word: str) -> list[psutil.Process]:
    """Return the processes of django-q2 below `guard` with this word in their title."""
    return [process for process in family(guard.pid) if word in title_of(process)]


def add_job(behaviour: str = "ok") -> PhotoJob:
    job = make_job(behaviour)
    ring("photos")
    return job


def is_completed(job: PhotoJob) -> bool:
    return PhotoJob.objects.filter(pk=job.pk, state="completed").exists()


def assert_works(*, seconds: float) -> None:
    job = add_job()
    wait_until(lambda: is_completed(job), seconds=seconds)
    assert effects() == [job.pk]


def test_killed_idle_workers_are_noticed_and_work_goes_on() -> None:
    with guarded() as guard:
        workers = called(guard, "idle")
        assert len(workers) == 2
        for worker in workers:
            worker.kill()
        assert_works(seconds=40)


def test_a_killed_monitor_is_noticed_and_tasks_come_to_their_end_again() -> None:
    with guarded() as guard:
        [monitor] = called(guard, "monitor")
        monitor.kill()
        monitor.wait(5)
        killed_at = timezone.now()
        # Only a monitor writes the beat, and the one that django-q2 starts in its place waits for a dead one's lock.
        wait_until(lambda: WorkerBeat.objects.filter(beat_at__gt=killed_at).exists(), seconds=40)
        assert_works(seconds=40)


def test_a_killed_main_process_takes_its_orphans_with_it_and_work_goes_on() -> None:
    with guarded(silence=60) as guard:
        cluster = family(guard.pid)
        main = next(process for process in cluster if "qcluster" in title_of(process) and len(process.children()) == 1)
        main.kill()
        psutil.wait_procs(cluster, timeout=10)
        assert not [process for process in cluster if process.is_running()]
        assert_works(seconds=40)


def test_a_stopped_guard_lets_the_batch_finish_and_leaves_no_process() -> None:
    with guarded() as guard:
        cluster = family(guard.pid)
        jobs = make_jobs(30, "sleep:0.2")
        ring("photos")
        wait_until(effects, seconds=20)
        started_at = time.monotonic()
        guard.send_signal(signal.SIGTERM)
        assert guard.wait(20) == 0
        assert time.monotonic() - started_at < 10
    assert not [process for process in cluster if process.is_running()]
    assert not PhotoJob.objects.filter(state="downloading").exists()
    assert 0 < len(effects()) < len(jobs)
    assert PhotoJob.objects.filter(state="pending", attempts=0).count() == len(jobs) - len(effects())


def test_a_job_that_outlasts_the_grace_time_is_killed_with_its_cluster() -> None:
    with guarded(grace=1) as guard:
        cluster = family(guard.pid)
        add_job("sleep:60")
        wait_until(lambda: PhotoJob.objects.filter(state="downloading").exists(), seconds=20)
        guard.send_signal(signal.SIGTERM)
        assert guard.wait(15) == 0
    assert not [process for process in cluster if process.is_running()]


def test_a_killed_guard_leaves_no_process() -> None:
    with guarded(grace=5) as guard:
        cluster = family(guard.pid)
        assert len(cluster) >= 6
        guard.kill()
        guard.wait()
        psutil.wait_procs(cluster, timeout=15)
        assert not [process for process in cluster if process.is_running()]


def test_two_guards_side_by_side_both_stay() -> None:
    with (
        guarded(silence=10) as first,
        running("manage.py", "qguard", "--beat-every", "0.5", "--silence", "10", stdout=subprocess.PIPE) as second,
    ):
        wait_until(lambda: WorkerBeat.objects.count() == 2, seconds=30)
        clusters = [{process.pid for process in family(guard.pid)} for guard in (first, second)]
        time.sleep(12)
        assert [{process.pid for process in family(guard.pid)} for guard in (first, second)] == clusters
