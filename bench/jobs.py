"""How fast the job core is: 4 processes on 100,000 queued jobs, beside bare psycopg doing the same statements.

claims_per_second  claimed in batches of 10, each job finished by a fenced statement of its own (target 1,000)
batch_per_second   the same, but a batch is fenced and finished in one transaction, as the photo pipeline does
single_ratio       claimed, fenced and finished one at a time, as a share of bare psycopg (target 0.5)
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from statistics import median
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bench.scratch import scratch_database

PROCESSES = 4
ROUNDS = 3


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--queued", type=int, default=100_000, help="jobs in the queue when a round starts")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a round")


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Return the figures named at the top of this file, each the median of three alternating rounds."""
    names = ("each", "batch", "single", "bare")
    figures: dict[str, list[float]] = {name: [] for name in names}
    with scratch_database() as url:
        for _ in range(ROUNDS):
            for name in names:
                _top_up(url, options["queued"])
                figures[name].append(_measure(name, options["seconds"]))
    rates = {name: median(each) for name, each in figures.items()}
    return {
        "claims_per_second": round(rates["each"]),
        "single_ratio": round(rates["single"] / rates["bare"], 3),
        "batch_per_second": round(rates["batch"]),
        "single_per_second": round(rates["single"]),
        "bare_per_second": round(rates["bare"]),
        "processes": PROCESSES,
        "queued": options["queued"],
    }


def _top_up(url: str, count: int) -> None:
    """Make the queue hold `count` due jobs and nothing else, vacuumed."""
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(
            "insert into auth_user (id, username, password, is_superuser, is_staff, is_active, first_name, last_name, "
            "email, date_joined) values (1, 'bench', '!', false, true, true, '', '', '', now()) on conflict do nothing"
        )
        server.execute("delete from media_store_photojob where state <> 'pending'")
        server.execute(
            "insert into media_store_photojob (owner_id, state, priority, source_kind) select 1, 'pending', 50, 'url' "
            "from generate_series(1, %s - (select count(*) from media_store_photojob))",
            [count],
        )
        server.execute("vacuum analyze media_store_photojob")


def _measure(name: str, seconds: float) -> float:
    """Return jobs per second of all processes together; they start when all are ready."""
    command = [sys.executable, "-m", "bench.jobs", name, str(seconds)]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n", "a worker of the measurement did not start"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return sum(float(worker.communicate()[0]) for worker in workers)


def _work(name: str, seconds: float) -> None:
    """Be one of the processes: run jobs for `seconds`, print how many a second."""
    step = _steps()[name]
    print("ready", flush=True)
    sys.stdin.readline()
    started_at, done = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started_at) < seconds:
        done += step()
    print(done / elapsed)


def _steps() -> dict[str, Callable[[], int]]:
    """Return what a process does again and again, by name; each gives how many jobs it has finished."""
    from config.jobs.claiming import claim
    from config.jobs.leases import fenced, fenced_many
    from config.jobs.settling import completed, settle
    from media_store.models import PhotoJob

    def each() -> int:
        return sum(len(settle([completed(job)])) for job in claim(PhotoJob, limit=10))

    def single() -> int:
        jobs = claim(PhotoJob, limit=1)
        for job in jobs:
            with fenced(job):
                settle([completed(job)])
        return len(jobs)

    def batch() -> int:
        jobs = claim(PhotoJob, limit=10)
        with fenced_many(jobs) as held:
            return len(settle([completed(job) for job in held]))

    return {"each": each, "batch": batch, "single": single, "bare": _bare_step()}


def _bare_step() -> Callable[[], int]:
    """Return a step that sends the statements of `single` through psycopg alone, which also prepares them."""
    from config.jobs.claiming import claim_query, worker_name
    from config.jobs.leases import renew_query
    from config.jobs.settling import completed, settle_parameters, settle_query
    from media_store.models import PhotoJob

    server = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    cursor = server.cursor(row_factory=dict_row)
    claims, renews, settles = (
        claim_query(PhotoJob, limit=1),
        renew_query(PhotoJob, is_waiting=True),
        settle_query(PhotoJob),
    )
    job, owner = PhotoJob(state="downloading"), worker_name()

    def bare() -> int:
        rows = cursor.execute(claims, [owner]).fetchall()
        for row in rows:
            with server.transaction():
                cursor.execute(renews, [[row["id"]], [row["lease_token"]]]).fetchall()
                job.pk, job.lease_token = row["id"], row["lease_token"]
                cursor.execute(settles, settle_parameters([completed(job)])).fetchall()
        return len(rows)

    return bare


if __name__ == "__main__":
    import django

    django.setup()
    _work(sys.argv[1], float(sys.argv[2]))
