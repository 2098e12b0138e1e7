from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ

from config.jobs.claiming import claim
from config.jobs.controls import cancel, pause, resume, retry
from config.jobs.leases import LeaseLost, fenced
from config.jobs.models import JobAttempt, Priority
from imports.models import ImportJob
from media_store.models import PhotoJob
from tests.faults.queue import make_job, make_jobs

pytestmark = pytest.mark.django_db

everything = PhotoJob.objects.all


def make_import(state: str, **fields: Any) -> ImportJob:
    return ImportJob.objects.create(owner=make_job().owner, provider="vcard", state=state, **fields)


def test_a_retry_puts_failed_and_cancelled_jobs_before_all_others() -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    used: dict[str, Any] = {"attempts": 3, "crashes": 3, "next_attempt_at": tomorrow, "finished_at": timezone.now()}
    make_jobs(1, state="failed", resume_state="pending", error_code="gone", last_error="Gone.", **used)
    make_jobs(1, state="cancelled", **used)
    make_jobs(1, state="completed")
    assert retry(everything()) == 2
    jobs = PhotoJob.objects.exclude(state="completed")
    for job in jobs:
        assert (job.state, job.resume_state, job.attempts, job.crashes) == ("pending", "", 0, 0)
        assert (job.error_code, job.last_error, job.finished_at) == ("", "", None)
        assert job.priority == Priority.PERSON
    assert len(claim(PhotoJob, limit=9)) == 2
    assert OrmQ.objects.count() == 1


def test_a_retry_that_changes_nothing_wakes_nobody() -> None:
    make_job()
    assert retry(everything()) == 0
    assert OrmQ.objects.count() == 0


@pytest.mark.parametrize(
    ("state", "returns_to"),
    [("pending", "pending"), ("planning", "fetched"), ("importing", "confirmed"), ("ready", "ready")],
)
def test_a_cancelled_job_is_retried_from_the_step_it_was_in(state: str, returns_to: str) -> None:
    lease = {"lease_token": "00000000-0000-0000-0000-000000000001", "lease_until": timezone.now()}
    job = make_import(state, **(lease if state in ImportJob.STEPS.values() else {}))
    assert cancel(ImportJob.objects.all()) == 1
    job.refresh_from_db()
    assert (job.state, job.lease_token) == ("cancelled", None)
    assert job.finished_at is not None
    assert retry(ImportJob.objects.all()) == 1
    job.refresh_from_db()
    assert job.state == returns_to


def test_a_running_worker_notices_a_cancel_at_its_next_fence() -> None:
    make_job()
    [job] = claim(PhotoJob, limit=1)
    assert cancel(everything()) == 1
    with pytest.raises(LeaseLost), fenced(job):
        PhotoJob.objects.update(sha256="effect")
    assert PhotoJob.objects.get().sha256 == ""
    attempt = JobAttempt.objects.get()
    assert (attempt.job_id, attempt.outcome, attempt.started_at) == (job.pk, "cancelled", job.started_at)


def test_what_has_ended_cannot_be_cancelled() -> None:
    for state in ("completed", "failed", "cancelled"):
        make_job(state=state)
    assert cancel(everything()) == 0
    assert JobAttempt.objects.count() == 0


def test_a_paused_job_is_not_claimed_until_it_is_resumed() -> None:
    make_jobs(2)
    assert pause(everything()) == 2
    assert claim(PhotoJob, limit=9) == []
    assert resume(everything()) == 2
    assert OrmQ.objects.count() == 1
    assert len(claim(PhotoJob, limit=9)) == 2


def test_a_pause_stops_a_running_job_without_costing_it_an_attempt() -> None:
    make_job()
    [job] = claim(PhotoJob, limit=1)
    assert pause(everything()) == 1
    with pytest.raises(LeaseLost), fenced(job):
        pass
    job.refresh_from_db()
    assert (job.state, job.held_reason, job.attempts) == ("pending", "paused", 0)
    assert JobAttempt.objects.get().outcome == "held"


def test_a_pause_does_not_hide_that_an_account_must_be_reconnected() -> None:
    job = make_job(held_reason="needs_reconnect")
    assert pause(everything()) == 0
    assert resume(everything()) == 0
    assert resume(everything(), reason="needs_reconnect") == 1
    job.refresh_from_db()
    assert job.held_reason == ""


def test_the_controls_take_any_queryset() -> None:
    make_jobs(4)
    chosen = PhotoJob.objects.select_related("owner").annotate(twice=F("pk") * 2).order_by("-owner__username")
    assert pause(chosen[:3]) == 3
    assert PhotoJob.objects.filter(held_reason="paused").count() == 3
