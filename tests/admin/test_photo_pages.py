"""Photo jobs in the admin: what is shown of them, and what a person may do."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.jobs.models import JobAttempt
from media_store.admin_statistics import in_words, percent
from media_store.models import PhotoHost, PhotoJob
from tests.admin.rows import make_member
from tests.factories import make_photo_job, make_user

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


# --- All at once ------------------------------------------------------------------------------------------------------
ALL = "admin:media_store_photojob_all"


def test_all_that_failed_in_the_last_day_is_retried(browser: Client, member: User, other_owner: User) -> None:
    now = timezone.now()
    late, early = (
        make_photo_job(member, state="failed", finished_at=now - timedelta(hours=hours)) for hours in (23, 25)
    )
    foreign = make_photo_job(other_owner, state="failed", finished_at=now)
    assert "Retry the 1 that failed" in browser.get(reverse(LIST)).content.decode()
    assert browser.post(reverse(ALL), {"verb": "retry"}, follow=True).content.decode().count("put back in the queue")
    assert states(late, early, foreign) == ["pending", "failed", "failed"]


def test_all_that_wait_are_cancelled_and_what_runs_ends(browser: Client, member: User, other_owner: User) -> None:
    waiting, foreign = make_photo_job(member), make_photo_job(other_owner)
    running = make_photo_job(member, state="downloading", lease_token=uuid4(), lease_until=timezone.now())
    assert "Cancel the 1 that wait" in browser.get(reverse(LIST)).content.decode()
    browser.post(reverse(ALL), {"verb": "cancel"})
    assert states(waiting, running, foreign) == ["cancelled", "downloading", "pending"]


def test_nothing_happens_without_a_verb_a_right_or_a_post(browser: Client, member: User) -> None:
    job = make_photo_job(member)
    assert browser.get(reverse(ALL), {"verb": "cancel"}).status_code == 405
    browser.post(reverse(ALL), {"verb": "erase"})
    member.groups.clear()
    member.user_permissions.set(Permission.objects.filter(codename="view_photojob"))
    assert "Cancel the" not in browser.get(reverse(LIST)).content.decode()
    assert browser.post(reverse(ALL), {"verb": "cancel"}).status_code == 403
    assert states(job) == ["pending"]


def states(*jobs: PhotoJob) -> list[str]:
    return [PhotoJob.objects.get(pk=job.pk).state for job in jobs]


# --- The numbers ------------------------------------------------------------------------------------------------------
STATISTICS = "admin:media_store_statistics"


def test_the_numbers_are_ones_own_with_a_bar_for_every_hour(browser: Client, member: User, other_owner: User) -> None:
    now = timezone.now()
    done = make_photo_job(member, is_stored=True)
    make_photo_job(member, state="failed", verdict="gone", source_url="https://photos.example.com/a")
    make_photo_job(member, queued_at=now - timedelta(hours=3, seconds=5))
    foreign = make_photo_job(other_owner, is_stored=True)
    PhotoHost.objects.create(host="photos.example.com", requests=4, failures=3, seconds=10, last_verdict="gone")
    for job in (done, foreign):
        JobAttempt.objects.create(kind="media_store.photojob", job_id=job.pk, outcome="completed", finished_at=now)
    response = browser.get(reverse(STATISTICS))
    page = " ".join(response.content.decode().split())
    assert "Stored in the last 24 hours: 1<" in page
    assert "<strong>50 %</strong> Success rate" in page
    assert "<strong>3 h</strong> Oldest waiting" in page
    assert page.count('class="kith-hour"') == 24
    assert ">Gone at the source</a>" in page
    assert '<td class="kith-number">3 of 4</td>' in page
    bars = response.context["chart"]["bars"]
    assert [bar.count for bar in bars] == [0] * 23 + [1]
    assert [bar.height for bar in bars] == [1.0] * 23 + [160.0]


def test_a_rate_just_below_all_is_not_shown_as_all() -> None:
    assert [percent(rate) for rate in (None, 1.0, 0.9999, 0.5)] == ["", "100", "99.9", "50"]


def test_spans_are_told_by_their_two_largest_units() -> None:
    told = {None: "", 0.4: "0 s", 59: "59 s", 90: "1 min", 3_725: "1 h 2 min", 86_400: "1 d", 183_600: "2 d 3 h"}
    assert {seconds: in_words(seconds) for seconds in told} == told


def test_the_numbers_are_for_those_who_may_see_photos(client: Client) -> None:
    assert client.get(reverse(STATISTICS)).status_code == 302
    client.force_login(make_user("nobody"))
    assert client.get(reverse(STATISTICS)).status_code == 403
