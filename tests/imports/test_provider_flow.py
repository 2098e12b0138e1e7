"""How imports of accounts begin, share the workers, show how far they are, and come again by themselves."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config.jobs.claiming import claim
from config.jobs.draining import Budget, drain
from imports import lifecycle, sources, turns
from imports.accounts.importing import start_due_imports, start_import
from imports.fetching import fetch
from imports.google import people
from imports.lifecycle import NotAllowed
from imports.models import ImportJob, ProviderAccount
from imports.progress import progress_percent
from imports.tending import tend
from tests.imports.accounts import make_account
from tests.imports.builders import counts, run
from tests.providers.google import GoogleStandIn

pytestmark = pytest.mark.django_db(transaction=True)


def one_page(job_id: int) -> ImportJob:
    """Let a worker read one page, and no more."""
    budget = Budget.of(0)
    [job] = claim(ImportJob, limit=1)
    assert job.pk == job_id
    fetch(job, budget)
    return ImportJob.objects.get(pk=job_id)


def test_a_second_import_of_the_account_is_refused_kindly_while_one_is_open(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    first = start_import(account)
    with pytest.raises(NotAllowed, match=f"mport {first.pk}"):
        start_import(account)
    run(first)
    with pytest.raises(NotAllowed, match="review"):
        start_import(account)
    lifecycle.cancel(first)
    second = start_import(account)
    with pytest.raises(NotAllowed):
        lifecycle.retry(first)
    assert run(second).state == "ready"


def test_progress_is_real_while_it_runs(owner: User, google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PAGE_SIZE", 5)
    job = start_import(make_account(owner, google))
    seen = []
    for _ in range(4):
        job = one_page(job.pk)
        seen.append((job.processed, progress_percent(job)))
    assert seen == [(5, 6), (10, 12), (15, 18), (20, 24)]  # reading is 30 of 100


def test_accounts_take_turns_in_being_asked(
    owner: User, other_owner: User, google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "PAGE_SIZE", 5)
    monkeypatch.setattr(turns, "TURN_SECONDS", 0)
    jobs = [start_import(make_account(person, google)) for person in (owner, other_owner)]
    drain("imports", seconds=None, is_ringing=False)
    asked = [request.bearer for request in google.requests if request.route == "connections"]
    assert len(asked) == 10
    assert all(first != second for first, second in pairwise(asked[:9])), "one after the other"
    assert {ImportJob.objects.get(pk=job.pk).state for job in jobs} == {"ready"}


def test_an_import_straight_on_needs_nobody(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    job = run(start_import(account, has_preview=False))
    assert (job.state, counts(job)) == ("completed", {"created": 25})
    account.refresh_from_db()
    assert account.imported_at


def test_an_account_is_imported_again_by_its_rhythm_and_not_more_often(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    now = timezone.now()
    assert start_due_imports(now=now) == 0, "off by default"
    ProviderAccount.objects.update(import_rhythm="daily")
    assert start_due_imports(now=now) == 1
    assert start_due_imports(now=now) == 0
    drain("imports", seconds=None, is_ringing=False)
    assert ImportJob.objects.get(account=account).state == "completed"
    google.change_person(2, title="Chief")
    assert start_due_imports(now=now + timedelta(hours=20)) == 0
    assert start_due_imports(now=now + timedelta(days=1)) == 1
    drain("imports", seconds=None, is_ringing=False)
    latest = ImportJob.objects.filter(account=account).latest("pk")
    assert (latest.state, counts(latest)) == ("completed", {"updated": 1})


def test_a_weekly_rhythm_waits_a_week(owner: User, google: GoogleStandIn) -> None:
    make_account(owner, google, import_rhythm="weekly")
    now = timezone.now()
    assert start_due_imports(now=now) == 1
    drain("imports", seconds=None, is_ringing=False)
    ImportJob.objects.update(queued_at=now - timedelta(days=6))
    ProviderAccount.objects.update(imported_at=now - timedelta(days=6))
    assert start_due_imports(now=now) == 0
    ImportJob.objects.update(queued_at=now - timedelta(days=7))
    ProviderAccount.objects.update(imported_at=now - timedelta(days=7))
    assert start_due_imports(now=now) == 1


def test_the_minute_starts_what_is_due_and_releases_what_has_waited(owner: User, google: GoogleStandIn) -> None:
    waited = run(start_import(make_account(owner, google)))
    ImportJob.objects.filter(pk=waited.pk).update(
        state="pending", held_reason="throttled", next_attempt_at=timezone.now() - timedelta(seconds=1)
    )
    tend(now=timezone.now())
    assert ImportJob.objects.get(pk=waited.pk).held_reason == ""


def test_a_job_whose_account_was_removed_says_so(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    job = start_import(account)
    account.delete()
    job = run(job)
    assert (job.state, job.error_code) == ("failed", "account_gone")
    assert set(sources.ADDRESS_BOOKS) == {"google", "microsoft", "beeper"}
