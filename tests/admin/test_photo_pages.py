"""Photo jobs in the admin: what is shown of them, and what a person may do."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from config.jobs.models import JobAttempt
from media_store.models import PhotoJob
from tests.admin.rows import make_member
from tests.factories import make_photo_job

pytestmark = pytest.mark.django_db
LIST = "admin:media_store_photojob_changelist"


@pytest.fixture
def member() -> User:
    return make_member("carol")


@pytest.fixture
def browser(client: Client, member: User) -> Client:
    client.force_login(member)
    return client


@pytest.mark.parametrize(
    ("action", "state", "after"),
    [("retry", "failed", "pending"), ("refresh", "completed", "pending"), ("cancel", "pending", "cancelled")],
)
def test_actions_move_the_job(browser: Client, member: User, action: str, state: str, after: str) -> None:
    job = make_photo_job(member, state=state)
    browser.post(reverse(LIST), {"action": action, "_selected_action": job.pk, "index": 0})
    job.refresh_from_db()
    assert job.state == after


def test_the_page_shows_the_stored_picture_and_every_attempt(browser: Client, member: User) -> None:
    job = make_photo_job(member, is_stored=True)
    JobAttempt.objects.create(kind="media_store.photojob", job_id=job.pk, outcome="retried", code="timeout")
    JobAttempt.objects.create(kind="media_store.photojob", job_id=job.pk + 1, outcome="failed", code="unrelated")
    page = browser.get(reverse("admin:media_store_photojob_change", args=[job.pk])).content.decode()
    assert f'src="{job.file.url}"' in page
    assert "timeout" in page
    assert "unrelated" not in page


def test_the_picture_that_is_shown_can_be_loaded(browser: Client, member: User) -> None:
    job = make_photo_job(member, is_stored=True)
    response = browser.get(job.file.url)
    assert response.status_code == 200
    assert response["Content-Type"] == "image/webp"


def test_jobs_are_filtered_by_verdict(browser: Client, member: User) -> None:
    gone = make_photo_job(member, state="failed", verdict="gone")
    make_photo_job(member, state="failed", verdict="timeout")
    rows = browser.get(reverse(LIST), {"verdict__exact": "gone"}).context["cl"].result_list
    assert list(rows) == [gone]


def test_nobody_edits_a_job(client: Client, member: User) -> None:
    client.force_login(User.objects.create_superuser("root"))
    job = make_photo_job(member)
    client.post(reverse("admin:media_store_photojob_change", args=[job.pk]), {"source_url": "https://x.example.com"})
    assert PhotoJob.objects.get().source_url == job.source_url
    assert client.get(reverse("admin:media_store_photojob_add")).status_code == 403
