from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from config.jobs import draining
from config.jobs.draining import Budget, Queue, drain, queues
from config.jobs.failures import PermanentFailure, TemporaryFailure
from config.jobs.lanes import lane
from config.jobs.models import JobAttempt
from config.jobs.settling import Settlement, completed, failed, settle
from config.tasks import drain_queue
from media_store.models import PhotoJob
from tests.faults.queue import create_effects, effects, make_job, make_jobs, run

pytestmark = pytest.mark.django_db(transaction=True)

Runner = Callable[[Sequence[PhotoJob], Budget], Sequence[Settlement]]
Register = Callable[..., None]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Give a function that replaces the runner of the photo queue."""

    def replace(runner: Runner, *, batch: int = 5) -> None:
        monkeypatch.setitem(queues, "photos", Queue("photos", PhotoJob, runner, lambda: batch))

    create_effects()
    replace(run)
    return replace


def complete(jobs: Sequence[PhotoJob], budget: Budget) -> list[Settlement]:
    return settle([completed(job) for job in jobs])


def test_a_drain_runs_until_nothing_is_due(register: Register) -> None:
    later = make_job(next_attempt_at=timezone.now() + timedelta(hours=1))
    expected = [job.pk for job in make_jobs(12)]
    drained = drain("photos")
    assert drained.is_empty
    assert drained.as_counts() == {"processed": 12, "completed": 12, "retried": 0, "failed": 0}
    assert effects() == expected
    later.refresh_from_db()
    assert later.state == "pending"
    assert OrmQ.objects.count() == 0


def test_one_job_that_raises_does_not_take_its_batch_with_it(register: Register) -> None:
    good = [job.pk for job in make_jobs(4)]
    poison = make_job("raise")
    drained = drain("photos")
    assert effects() == good
    # The four took effect before the poison raised, so only it was settled by the drain that reports.
    assert drained.as_counts() == {"processed": 1, "completed": 0, "retried": 1, "failed": 0}
    poison.refresh_from_db()
    assert (poison.state, poison.error_code, poison.attempts) == ("pending", "internal_error", 1)
    assert not PhotoJob.objects.filter(pk__in=good, attempts__gt=1).exists()


def test_a_job_failure_that_a_runner_raises_counts_for_the_whole_batch(register: Register) -> None:
    calls: list[int] = []

    def refuse(jobs: Sequence[PhotoJob], budget: Budget) -> list[Settlement]:
        calls.append(len(jobs))
        raise TemporaryFailure("Storage is away.", code="storage_error")

    register(refuse)
    make_jobs(5)
    assert drain("photos").as_counts() == {"processed": 5, "completed": 0, "retried": 5, "failed": 0}
    assert calls == [5]


def test_a_runner_that_breaks_the_connection_leaves_no_job_behind(register: Register) -> None:
    def cut(jobs: Sequence[PhotoJob], budget: Budget) -> list[Settlement]:
        with connection.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")
        return []

    register(cut, batch=1)
    job = make_job()
    assert drain("photos").as_counts()["retried"] == 1
    job.refresh_from_db()
    assert job.state == "pending"


def test_a_drain_out_of_time_ends_after_its_batch_and_rings_again(register: Register) -> None:
    def slow(jobs: Sequence[PhotoJob], budget: Budget) -> list[Settlement]:
        object.__setattr__(budget, "until", 0.0)
        assert budget.is_spent()
        return complete(jobs, budget)

    register(slow)
    make_jobs(8)
    drained = drain("photos")
    assert (drained.processed, drained.is_empty) == (5, False)
    assert OrmQ.objects.count() == 1


def test_a_drain_that_is_asked_to_stop_finishes_its_batch(register: Register) -> None:
    stop = threading.Event()

    def last(jobs: Sequence[PhotoJob], budget: Budget) -> list[Settlement]:
        stop.set()
        assert budget.is_spent()
        return complete(jobs, budget)

    register(last)
    make_jobs(8)
    assert drain("photos", seconds=None, is_ringing=False, stop=stop).processed == 5
    assert PhotoJob.objects.filter(state="pending").count() == 3


def test_failures_are_counted_by_what_became_of_the_job(register: Register) -> None:
    def end(jobs: Sequence[PhotoJob], budget: Budget) -> list[Settlement]:
        return settle([failed(job, PermanentFailure("Gone.", code="gone")) for job in jobs])

    register(end)
    make_jobs(2)
    assert drain("photos").as_counts() == {"processed": 2, "completed": 0, "retried": 0, "failed": 2}


def test_a_wake_up_ends_at_once_while_another_worker_drains_the_queue(register: Register) -> None:
    make_job()
    processed: list[int] = []
    with lane("photos") as is_free:
        assert is_free
        thread = threading.Thread(target=lambda: processed.append(_in_thread()))
        thread.start()
        thread.join()
    assert processed == [0]
    assert PhotoJob.objects.get().state == "pending"
    assert drain_queue("photos") == 1


def test_jobs_that_came_while_the_lane_was_taken_are_rung_for(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job()
    real = draining.drain

    def drain_then_another(name: str, **options: object) -> object:
        drained = real(name, is_ringing=False)
        make_job()
        return drained

    monkeypatch.setattr(draining, "drain", drain_then_another)
    assert drain_queue("photos") == 1
    assert OrmQ.objects.count() == 1


def test_a_wake_up_that_leaves_nothing_behind_rings_no_more(register: Register) -> None:
    make_job()
    assert drain_queue("photos") == 1
    assert OrmQ.objects.count() == 0
    assert JobAttempt.objects.count() == 1


def _in_thread() -> int:
    try:
        return drain_queue("photos")
    finally:
        connection.close()
