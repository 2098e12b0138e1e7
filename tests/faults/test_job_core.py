"""Random sequences of everything that happens to leased jobs, by three workers with a connection each.

Each step is the real statement on the real table; the model (job_model.py) says what must be there afterwards. Short
in the test suite; `make faults` (KITH_FAULTS=long) plays 10,000 sequences.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.db.models import F
from django_q.models import OrmQ
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from config.jobs import controls
from config.jobs.at_once import lease
from config.jobs.claiming import claim, reap
from config.jobs.leases import LeaseLost, renew
from config.jobs.models import HeldReason, JobAttempt, Priority
from config.jobs.settling import Settlement, completed, failed, progressed, settle
from imports import lifecycle
from imports.models import ImportJob
from tests.faults.hands import PATIENCE, Worker
from tests.faults.job_model import ARROWS, BEGINS_IN, ENDS_IN, FAILURES, FINAL, STEPS, Job, to_claim

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

IS_LONG = os.environ.get("KITH_FAULTS") == "long"
MOST_JOBS = 5
RUNS, STEPS_OF_A_RUN = (10_000, 30) if IS_LONG else (60, 30)
MOST_ATTEMPTS = ImportJob(provider="vcard").max_attempts

ROWS = f"""
    select id, state, attempts, crashes, priority, held_reason, resume_state, error_code,
           next_attempt_at <= statement_timestamp() as is_due, lease_token,
           lease_until is not null and lease_until < statement_timestamp() as is_expired, processed,
           finished_at is not null as has_ended, next_attempt_at
    from {ImportJob._meta.db_table} order by id
"""
DAY = timedelta(days=1)
STATES = st.sampled_from(list(STEPS))
WEAR = st.sampled_from([(0, 0), (0, 0), (MOST_ATTEMPTS - 1, 0), (0, 2)])  # attempts, crashes
OUTCOMES = [*FAILURES, "on", "further", "unasked"]


class JobCore(RuleBasedStateMachine):
    """Jobs, three workers and a person; `jobs` is what the model says, the table is what there is."""

    workers: ClassVar[list[Worker]] = []
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[int, Job] = {}
        self.states: dict[int, str] = {}
        self.tokens: set[Any] = set()
        self.owner = User.objects.get(username="alice")
        self.seen["runs"] += 1

    def teardown(self) -> None:
        for worker in self.workers:
            worker.do(lambda worker=worker: worker.close(is_kept=False))  # type: ignore[misc]
            worker.forget()
        with connection.cursor() as cursor:
            for table in (ImportJob._meta.db_table, JobAttempt._meta.db_table, OrmQ._meta.db_table):
                cursor.execute(f"delete from {table}")

    # --- What is there ------------------------------------------------------------------------------------------------
    def has_no_fence(self) -> bool:
        """Say whether nobody holds a row: a person would wait for it, as these steps cannot."""
        return all(worker.fence is None for worker in self.workers)

    def running(self) -> list[int]:
        return [pk for pk, job in self.jobs.items() if job.is_running]

    def waiting(self) -> list[int]:
        return [pk for pk, job in self.jobs.items() if job.state in STEPS and not job.held_reason]

    def outside(self) -> list[Worker]:
        """Return the workers that are in no fence."""
        return [worker for worker in self.workers if worker.fence is None]

    def working(self) -> list[Worker]:
        return [worker for worker in self.outside() if worker.jobs]

    def inside(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.fence is not None]

    def is_held(self, job: ImportJob) -> bool:
        """Say whether the worker that claimed this still holds it."""
        return self.jobs[job.pk].token == job.lease_token

    def fenced_ids(self) -> set[int]:
        return {worker.job_in_fence.pk for worker in self.inside()}

    def rows(self) -> dict[int, dict[str, Any]]:
        with connection.cursor() as cursor:
            cursor.execute(ROWS)
            names = [column.name for column in cursor.description or ()]
            return {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in cursor.fetchall()}

    # --- Jobs come and time passes ------------------------------------------------------------------------------------
    @initialize(jobs=st.lists(st.tuples(STATES, WEAR), min_size=2, max_size=MOST_JOBS))
    def begin(self, jobs: list[tuple[str, tuple[int, int]]]) -> None:
        """Let two of the workers be at work from the start."""
        for state, wear in jobs:
            self.add(state=state, wear=wear, priority=Priority.NORMAL)
        for worker in self.workers[:2]:
            self.claim_for(worker, limit=1)

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @rule(
        state=STATES,
        wear=WEAR,
        priority=st.sampled_from(Priority.values),
    )
    def add(self, state: str, wear: tuple[int, int], priority: int) -> None:
        attempts, crashes = wear
        fields: dict[str, Any] = {"state": state, "attempts": attempts, "crashes": crashes, "priority": priority}
        made = ImportJob.objects.create(owner=self.owner, provider="vcard", **fields)
        self.jobs[made.pk] = Job(made.pk, **fields)

    @precondition(lambda self: self.has_no_fence() and not all(job.is_due for job in self.jobs.values()))
    @rule()
    def wait_for_a_day(self) -> None:
        """The waits of all jobs are over, leases are kept alive."""
        ImportJob.objects.update(next_attempt_at=F("next_attempt_at") - DAY)
        for job in self.jobs.values():
            job.is_due = True

    @precondition(lambda self: self.has_no_fence() and self.running())
    @rule(data=st.data(), is_noticed=st.booleans())
    def lose_a_lease(self, data: st.DataObject, is_noticed: bool) -> None:
        """No heartbeat for a minute; perhaps the sweeper comes at once."""
        pk = data.draw(st.sampled_from(self.running()))
        ImportJob.objects.filter(pk=pk).update(lease_until=F("lease_until") - DAY)
        self.jobs[pk].is_expired = True
        if is_noticed:
            self.reap()

    # --- Workers ------------------------------------------------------------------------------------------------------
    @precondition(lambda self: bool(self.outside()))
    @rule(data=st.data(), limit=st.integers(1, 3))
    def claim(self, data: st.DataObject, limit: int) -> None:
        self.claim_for(data.draw(st.sampled_from(self.outside())), limit=limit)

    def claim_for(self, worker: Worker, *, limit: int) -> None:
        rows = self.rows()
        expected = to_claim([(job, rows[pk]["next_attempt_at"]) for pk, job in self.jobs.items()], limit=limit)
        claimed = worker.do(lambda: claim(ImportJob, limit=limit))
        assert [job.pk for job in claimed] == [job.pk for job in expected]
        for job in claimed:
            self.take(worker, job)

    @precondition(lambda self: self.outside() and self.waiting())
    @rule(data=st.data())
    def take_one_at_once(self, data: st.DataObject) -> None:
        """The person who waits for a job runs it; a second click finds it taken."""
        worker = data.draw(st.sampled_from(self.outside()))
        job = ImportJob.objects.get(pk=data.draw(st.sampled_from(self.waiting())))
        late = ImportJob.objects.get(pk=job.pk)
        assert worker.do(lambda: lease(job))
        assert not worker.do(lambda: lease(late))
        self.take(worker, job)

    def take(self, worker: Worker, job: ImportJob) -> None:
        assert job.lease_token not in self.tokens, "a token was given twice"
        self.tokens.add(job.lease_token)
        self.jobs[job.pk].claim(job.lease_token)  # type: ignore[arg-type]
        worker.jobs.append(job)
        self.seen["claims"] += 1

    @precondition(lambda self: any(worker.jobs for worker in self.workers))
    @rule(data=st.data())
    def beat(self, data: st.DataObject) -> None:
        """Renew what a worker believes to hold; rows in somebody's fence are passed over."""
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.jobs]))
        held = {job.pk for job in worker.jobs if self.is_held(job)} - self.fenced_ids()
        kept: set[int] = set()
        for job in worker.jobs:
            kept |= renew(ImportJob, {job.pk: job.lease_token}, is_waiting=False)
        assert kept == held
        for pk in held:
            self.jobs[pk].is_expired = False

    @precondition(lambda self: bool(self.working()))
    @rule(data=st.data())
    def open_a_fence(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.working()))
        job = data.draw(st.sampled_from(worker.jobs))
        if self.is_held(job):
            worker.do(lambda: worker.open(job))
            return
        with pytest.raises(LeaseLost):
            worker.do(lambda: worker.open(job))
        self.seen["lost leases"] += 1

    @precondition(lambda self: bool(self.inside()))
    @rule(data=st.data(), is_kept=st.booleans())
    def close_the_fence(self, data: st.DataObject, is_kept: bool) -> None:
        worker = data.draw(st.sampled_from(self.inside()))
        job = self.jobs[worker.job_in_fence.pk]
        worker.do(lambda: worker.close(is_kept=is_kept))
        if is_kept:
            job.effects, job.is_expired = job.effects + 1, False

    @precondition(lambda self: bool(self.inside()))
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES), is_kept=st.booleans())
    def settle_in_the_fence(self, data: st.DataObject, outcome: str, is_kept: bool) -> None:
        """The last transaction of a job: its effects and its end, both or neither."""
        worker = data.draw(st.sampled_from(self.inside()))
        job = worker.job_in_fence
        settled = worker.do(lambda: settle([settlement(job, outcome)]))
        assert len(settled) == 1
        worker.do(lambda: worker.close(is_kept=is_kept))
        if is_kept:
            self.jobs[job.pk].effects += 1
            self.leave(job, outcome)
            worker.jobs.remove(job)

    @precondition(lambda self: bool(self.working()))
    @rule(data=st.data(), outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=MOST_JOBS, max_size=MOST_JOBS))
    def settle_all(self, data: st.DataObject, outcomes: list[str]) -> None:
        """Let go of everything by one statement; what was lost meanwhile is left as it is."""
        worker = data.draw(st.sampled_from(self.working()))
        newest = {job.pk: job for job in worker.jobs}
        chosen = list(zip(newest.values(), outcomes, strict=False))
        settled = worker.do(lambda: settle([settlement(job, outcome) for job, outcome in chosen]))
        assert [each.job.pk for each in settled] == sorted(job.pk for job, _ in chosen if self.is_held(job))
        self.seen["lost leases"] += len(chosen) - len(settled)
        for job, outcome in chosen:
            if self.is_held(job):
                self.leave(job, outcome)
        worker.jobs = []

    def leave(self, job: ImportJob, outcome: str) -> None:
        known = self.jobs[job.pk]
        self.seen[outcome] += 1
        if outcome in FAILURES:
            known.fail(FAILURES[outcome], most=MOST_ATTEMPTS)
        else:
            known.progress(next_state(job, outcome))

    @precondition(lambda self: any(job.is_expired for job in self.jobs.values()))
    @rule()
    def reap(self) -> None:
        """The sweeper passes over the rows that are in a fence, however late these are."""
        dead = [job for job in self.jobs.values() if job.is_expired and job.pk not in self.fenced_ids()]
        assert reap(ImportJob) == len(dead)
        for job in dead:
            job.crash()
            self.seen["crashes"] += 1
            self.seen["ended by crashes"] += job.state == "failed"

    # --- The person ---------------------------------------------------------------------------------------------------
    @precondition(has_no_fence)
    @rule(verb=st.sampled_from(["pause", "cancel", "retry", "resume", "reconnect"]), data=st.data())
    def decide(self, verb: str, data: st.DataObject) -> None:
        """A person acts on some of the jobs, of which those change that may."""
        chosen = data.draw(st.sets(st.sampled_from(list(self.jobs)), min_size=1, max_size=2))
        jobs = ImportJob.objects.filter(pk__in=chosen)
        number = VERBS[verb](jobs)
        legal = [self.jobs[pk] for pk in chosen if MAY[verb](self.jobs[pk])]
        assert number == len(legal)
        self.seen[verb] += number
        for job in legal:
            getattr(job, "resume" if verb == "reconnect" else verb)()

    @precondition(lambda self: self.has_no_fence() and any(job.state == "ready" for job in self.jobs.values()))
    @rule()
    def confirm_what_is_ready(self) -> None:
        for pk, job in self.jobs.items():
            if job.state == "ready" and not job.held_reason:
                lifecycle.confirm(ImportJob.objects.get(pk=pk))
                job.state, job.priority, job.is_due = "confirmed", Priority.PERSON, True
                job.attempts = job.crashes = job.effects = 0

    # --- What must hold -----------------------------------------------------------------------------------------------
    @invariant()
    def the_table_says_what_the_model_says(self) -> None:
        rows = self.rows()
        for pk, row in rows.items():
            row.pop("next_attempt_at")
            assert row == self.jobs[pk].row()
            before = self.states.get(pk, row["state"])
            assert before == row["state"] or (before, row["state"]) in ARROWS, f"{before} -> {row['state']}"
            self.states[pk] = row["state"]
        assert rows.keys() == self.jobs.keys()

    @invariant()
    def no_job_is_held_by_two(self) -> None:
        holders = Counter(job.pk for worker in self.workers for job in worker.jobs if self.is_held(job))
        running = {pk for pk, job in self.jobs.items() if job.is_running}
        assert holders == dict.fromkeys(running, 1)

    @invariant()
    def every_attempt_is_on_record(self) -> None:
        log: dict[int, list[tuple[str, str]]] = {pk: [] for pk in self.jobs}
        for pk, outcome, code in JobAttempt.objects.order_by("pk").values_list("job_id", "outcome", "code"):
            log[pk].append((outcome, code))
        assert log == {pk: job.attempt_log for pk, job in self.jobs.items()}


def settlement(job: ImportJob, outcome: str) -> Settlement:
    if outcome in FAILURES:
        return failed(job, FAILURES[outcome])
    state = next_state(job, outcome)
    return completed(job, state=state) if state in FINAL else progressed(job, state=state)


def next_state(job: ImportJob, outcome: str) -> str:
    """Return where the job goes: again to its own step, to the next, or past the person who would look."""
    if outcome == "on":
        return BEGINS_IN[job.state]
    return "confirmed" if outcome == "unasked" and job.state == "planning" else ENDS_IN[job.state]


VERBS: dict[str, Callable[[Any], int]] = {
    "pause": controls.pause,
    "cancel": controls.cancel,
    "retry": controls.retry,
    "resume": controls.resume,
    "reconnect": lambda jobs: controls.resume(jobs, reason=HeldReason.NEEDS_RECONNECT),
}
MAY: dict[str, Callable[[Job], bool]] = {
    "pause": lambda job: job.state not in FINAL and not job.held_reason,
    "cancel": lambda job: job.state not in FINAL,
    "retry": lambda job: job.state in ("failed", "cancelled"),
    "resume": lambda job: job.held_reason == HeldReason.PAUSED,
    "reconnect": lambda job: job.held_reason == HeldReason.NEEDS_RECONNECT,
}


@pytest.fixture
def three_workers(owner: User) -> Iterator[None]:
    JobCore.workers = [Worker() for _ in range(3)]
    with connection.cursor() as cursor:
        cursor.execute(PATIENCE)
    yield
    for worker in JobCore.workers:
        worker.do(connections.close_all)
        worker.thread.shutdown()


@pytest.mark.usefixtures("three_workers")
def test_jobs_are_what_the_rules_say_after_any_sequence_of_events() -> None:
    run_state_machine_as_test(
        JobCore,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS_OF_A_RUN,
            deadline=None,
            derandomize=not IS_LONG,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"seen={dict(JobCore.seen)}")
    assert JobCore.seen["runs"] >= RUNS
    assert all(JobCore.seen[name] for name in ("claims", "crashes", "lost leases", *(FAILURES if IS_LONG else ())))
