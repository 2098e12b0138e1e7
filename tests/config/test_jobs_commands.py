from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from config.jobs.draining import Queue, queues
from media_store.models import PhotoJob
from tests.faults.queue import create_effects, make_job, make_jobs, run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def only_the_photo_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    create_effects()
    for name in list(queues):
        monkeypatch.delitem(queues, name)
    monkeypatch.setitem(queues, "photos", Queue("photos", PhotoJob, run, lambda: 5))


def answer_of(*arguments: str) -> dict[str, Any]:
    output = io.StringIO()
    call_command(*arguments, "--json", stdout=output)
    answer: dict[str, Any] = json.loads(output.getvalue())
    return answer


def test_run_jobs_tells_what_it_did() -> None:
    make_jobs(7)
    make_job("raise")
    answer = answer_of("run_jobs", "--until-empty")
    assert answer.pop("duration_ms") >= 0
    assert answer == {
        "processed": 6,
        "completed": 5,
        "retried": 1,
        "failed": 0,
        "message": "Processed 6 jobs: 5 completed, 1 to be tried again.",
    }


def test_run_jobs_leaves_jobs_that_are_due_later() -> None:
    make_job(next_attempt_at=timezone.now() + timedelta(minutes=1))
    assert answer_of("run_jobs", "--until-empty")["message"] == "Processed 0 jobs."


def test_run_jobs_first_takes_back_the_jobs_of_dead_workers() -> None:
    job = make_job(
        state="downloading",
        lease_token="00000000-0000-0000-0000-000000000001",
        lease_until=timezone.now() - timedelta(seconds=1),
    )
    answer_of("run_jobs")
    job.refresh_from_db()
    assert (job.state, job.crashes) == ("pending", 1)


def test_retry_jobs_takes_only_those_that_ended_in_the_given_time() -> None:
    now = timezone.now()
    old = make_job(state="failed", finished_at=now - timedelta(hours=25))
    new = make_job(state="failed", finished_at=now - timedelta(hours=23))
    cancelled = make_job(state="cancelled", finished_at=now)
    assert answer_of("retry_jobs", "--queue", "photos", "--since", "24h")["retried"] == 1
    states = [PhotoJob.objects.get(pk=job.pk).state for job in (old, new, cancelled)]
    assert states == ["failed", "pending", "cancelled"]
    assert answer_of("retry_jobs", "--queue", "photos", "--state", "cancelled")["retried"] == 1


def test_cancel_jobs_ends_jobs_in_the_given_state() -> None:
    make_jobs(2)
    make_job(state="completed")
    assert answer_of("cancel_jobs", "--queue", "photos", "--state", "pending")["cancelled"] == 2
    assert answer_of("cancel_jobs", "--queue", "photos")["cancelled"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run_jobs", "--queue", "fotos"], "There is no queue 'fotos'. Known queues: photos."),
        (["retry_jobs", "--queue", "photos", "--since", "yesterday"], "'yesterday' is not a duration such as 30m"),
        (["retry_jobs", "--queue", "photos", "--state", "completed"], "Only failed or cancelled jobs can be retried"),
        (["retry_jobs", "--queue", "photos", "--state", "lost"], "Known states: pending, downloading, completed"),
        (["cancel_jobs", "--queue", "photos", "--state", "failed"], "Jobs that are failed have ended already."),
    ],
)
def test_a_wrong_argument_is_answered_in_plain_english(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says.replace("'", ".")):
        call_command(*arguments)
