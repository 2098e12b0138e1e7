"""Random kill -9 of every part of a guarded cluster while it works: nothing lost, nothing doubled.

Short in the test suite; `make faults` (KITH_FAULTS=long) runs it with 5,000 jobs and 200 kills. The seed is printed,
KITH_FAULTS_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from dataclasses import dataclass, field

import psutil
import pytest
from django.db.models import Count
from django.db.models.functions import Now

from config.jobs.bell import ring
from config.jobs.claiming import reap
from config.jobs.models import JobAttempt
from media_store.models import PhotoJob
from tests.faults.processes import family, running, wait_until, with_patience
from tests.faults.queue import create_effects, effects, make_jobs

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

IS_LONG = os.environ.get("KITH_FAULTS") == "long"
JOBS, KILLS = (5_000, 200) if IS_LONG else (150, 5)
MINUTES = 60 if IS_LONG else 2
GUARD = ("manage.py", "qguard", "--beat-every", "0.5", "--silence", "5", "--grace", "5")


@dataclass
class Killer:
    """Kills a random process below the guard, never the guard itself."""

    guard: int
    dice: random.Random
    kills: int = 0
    next_at: float = field(default_factory=time.monotonic)

    def tick(self) -> None:
        if self.kills >= KILLS or time.monotonic() < self.next_at or not effects():
            return
        below = sorted(family(self.guard), key=lambda process: process.pid)
        if below:
            with_patience(self.dice.choice(below).kill)
            self.kills += 1
        self.next_at = time.monotonic() + self.dice.uniform(0.5, 3)


def stand_in_for_time() -> None:
    """Do what the sweeper does each minute, with the minute's leases and backoffs shortened to a moment."""
    living = {process.pid for process in psutil.process_iter()}
    for job in PhotoJob.objects.filter(state="downloading"):
        if int(job.lease_owner.rpartition(":")[2]) not in living:
            PhotoJob.objects.filter(pk=job.pk, lease_token=job.lease_token).update(lease_until=Now())
    if reap(PhotoJob):
        PhotoJob.objects.filter(state="pending").update(next_attempt_at=Now(), crashes=0)
    ring("photos")


def test_no_job_is_lost_or_doubled_while_every_process_is_killed_at_random() -> None:
    seed = int(os.environ.get("KITH_FAULTS_SEED", "0")) or random.randrange(1, 10**6)
    create_effects()
    expected = [job.pk for job in make_jobs(JOBS, "sleep:0.05")]
    ring("photos")
    with running(*GUARD, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as guard:
        killer = Killer(guard.pid, random.Random(seed))

        def is_over() -> bool:
            killer.tick()
            stand_in_for_time()
            time.sleep(0.4)
            return killer.kills >= KILLS and not PhotoJob.objects.exclude(state="completed").exists()

        wait_until(is_over, seconds=MINUTES * 60)
    print(f"seed={seed} jobs={JOBS} kills={killer.kills}")
    assert effects() == expected
    completions = JobAttempt.objects.filter(outcome="completed").values("job_id").annotate(times=Count("id"))
    assert {row["times"] for row in completions} == {1}
