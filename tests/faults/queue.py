"""A queue over PhotoJob whose jobs behave as their source_url says, and whose effects can be counted.

ok             complete at once
sleep:SECONDS  work that long outside the transaction, then complete
kill           kill the worker with SIGKILL
raise          raise what no runner should
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from config.jobs.draining import Budget
from config.jobs.leases import fenced
from config.jobs.settling import Settlement, completed, settle
from media_store.models import PhotoJob

EFFECTS = "create table if not exists fault_effect (job_id bigint not null, attempt int not null)"


def run(jobs: Sequence[PhotoJob], budget: Budget) -> list[Settlement]:
    return [settlement for job in jobs for settlement in run_one(job)]


def run_one(job: PhotoJob) -> list[Settlement]:
    behaviour, _, seconds = job.source_url.partition(":")
    if behaviour == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "raise":
        raise ZeroDivisionError
    time.sleep(float(seconds or 0))
    with fenced(job):
        record_effect(job)
        return settle([completed(job)])


def record_effect(job: PhotoJob) -> None:
    with connection.cursor() as cursor:
        cursor.execute("insert into fault_effect values (%s, %s)", [job.pk, job.attempts])


def create_effects() -> None:
    with connection.cursor() as cursor:
        cursor.execute(EFFECTS)
        cursor.execute("truncate fault_effect")


def effects() -> list[int]:
    """Return the job of every effect, sorted: a doubled effect is there twice."""
    with connection.cursor() as cursor:
        cursor.execute("select job_id from fault_effect order by job_id")
        return [row[0] for row in cursor.fetchall()]


def make_jobs(count: int = 1, behaviour: str = "ok", **fields: Any) -> list[PhotoJob]:
    owner = User.objects.create(username=uuid.uuid4().hex)
    return PhotoJob.objects.bulk_create([PhotoJob(owner=owner, source_url=behaviour, **fields) for _ in range(count)])


def make_job(behaviour: str = "ok", **fields: Any) -> PhotoJob:
    return make_jobs(1, behaviour, **fields)[0]
