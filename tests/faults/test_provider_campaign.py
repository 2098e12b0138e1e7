"""Imports of a Google account whose workers are killed at random statements: the same end, no double, no loss.

Short in the test suite; `make faults` (KITH_FAULTS=long) kills at 20 random points. The seed is printed,
KITH_FAULTS_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now

from config.jobs.claiming import reap
from config.jobs.draining import drain
from contacts.models import Contact, ContactEmail, ContactPhone, ContactPicture, ExternalIdentity, Tag
from imports import executing, planning
from imports.accounts.importing import start_import
from imports.google import people
from imports.models import ImportJob, ImportRow, ProviderAccount
from media_store.models import PhotoJob
from tests.factories import make_user
from tests.faults.killing import is_killed_at, statements_of
from tests.imports.accounts import make_account
from tests.imports.builders import adds_up
from tests.providers.google import GoogleStandIn, google_stand_in

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

IS_LONG = os.environ.get("KITH_FAULTS") == "long"
KILLS = 20 if IS_LONG else 3
PEOPLE = 45


def work() -> None:
    drain("imports", seconds=None, is_ringing=False)


def end_state(account: ProviderAccount) -> dict[str, Any]:
    """Return everything that the import wrote, without ids and times."""
    account.refresh_from_db()
    own = {"owner_id": account.owner_id}
    job = ImportJob.objects.get(account=account)
    rows = ImportRow.objects.filter(job=job).order_by("position")
    return {
        "contacts": sorted(Contact.objects.filter(**own).values_list("display_name", "title", "birthday", "notes")),
        "emails": sorted(ContactEmail.objects.filter(**own).values_list("contact__display_name", "address")),
        "phones": sorted(ContactPhone.objects.filter(**own).values_list("contact__display_name", "raw")),
        "identities": sorted(ExternalIdentity.objects.filter(**own).values_list("external_id", "etag")),
        "tags": sorted(Tag.objects.filter(**own).values_list("name", "contacts__display_name")),
        "pictures": sorted(ContactPicture.objects.filter(**own).values_list("source_url", flat=True)),
        "photo_jobs": PhotoJob.objects.filter(**own).count(),
        "rows": list(rows.values_list("position", "external_id", "decision", "reason", "outcome")),
        "job": (job.state, job.total, job.created, job.skipped, job.invalid, job.failed, job.photos_queued),
        "account": (bool(account.imported_at), sorted(account.cursors)),
    }


def let_time_pass() -> None:
    """Let the leases of dead workers run out, and the wait after a crash."""
    ImportJob.objects.filter(lease_token__isnull=False).update(lease_until="2000-01-01T00:00:00Z")
    reap(ImportJob)
    ImportJob.objects.update(next_attempt_at=Now())


def begin(google: GoogleStandIn, username: str) -> ProviderAccount:
    owner: User = make_user(username)
    account = make_account(owner, google)
    start_import(account, has_preview=False)
    return account


def test_a_worker_may_be_killed_at_any_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((people, "PAGE_SIZE"), (planning, "PAGE_ROWS"), (executing, "CHUNK_ROWS")):
        monkeypatch.setattr(module, name, 10)
    seed = int(os.environ.get("KITH_FAULTS_SEED", "0")) or random.randrange(1, 10**6)
    dice = random.Random(seed)
    with google_stand_in(people=PEOPLE) as google:
        monkeypatch.setattr(settings, "GOOGLE_PEOPLE_URL", google.address)
        calm = begin(google, "calm")
        statements = statements_of(work)
        wanted = end_state(calm)
        assert wanted["job"][:2] == ("completed", PEOPLE)
        for number in sorted(dice.sample(range(2, statements), KILLS)):
            account = begin(google, f"killed{number}")
            assert is_killed_at(work, number, is_before=dice.random() < 0.5), f"statement {number} was never reached"
            let_time_pass()
            work()
            assert end_state(account) == wanted, f"seed {seed}, killed at statement {number} of {statements}"
            assert adds_up(ImportJob.objects.get(account=account))
    print(f"seed={seed} kills={KILLS} statements={statements}")
