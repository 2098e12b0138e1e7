"""No server of pictures is asked more often than is polite, whoever asks; our own hosts are exempt."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from config.jobs.claiming import claim
from config.jobs.draining import drain
from config.jobs.models import JobAttempt, Priority
from media_store.hosts import AT_ONCE, admit, put_back
from media_store.models import FailedAddress, PhotoHost, PhotoJob
from tests.factories import draw_image, make_photo_job
from tests.media_store.servers import Server, reply, serving

pytestmark = pytest.mark.django_db

HOST, OTHER = "pictures.example.com", "other.example.com"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PICTURE = draw_image()


def make_jobs(owner: User, count: int, *, host: str = HOST, **fields: Any) -> list[PhotoJob]:
    return [make_photo_job(owner, source_url=f"http://{host}/{number}.jpg", **fields) for number in range(count)]


def run() -> dict[str, int]:
    return drain("photos", is_ringing=False).as_counts()


def make_due() -> None:
    PhotoJob.objects.filter(state="pending").update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_two_downloads_of_a_host_may_begin_and_the_others_stand_in_line(owner: User) -> None:
    jobs = [*make_jobs(owner, 5), *make_jobs(owner, 1, host=OTHER)]
    admission = admit(jobs, now=NOW)
    assert admission.admitted == [jobs[0], jobs[1], jobs[5]]
    waits = [admission.waits[job].total_seconds() for job in jobs[2:5]]
    assert waits == pytest.approx([1.2, 2.4, 3.6])


def test_places_that_are_taken_are_taken_for_every_worker_until_they_expire(owner: User) -> None:
    jobs = make_jobs(owner, 2)
    assert admit(jobs, now=NOW).admitted == jobs
    assert admit(jobs, now=NOW + timedelta(seconds=50)).admitted == []
    assert admit(jobs, now=NOW + timedelta(seconds=61)).admitted == jobs


def test_no_minute_has_more_than_sixty_beginnings(owner: User) -> None:
    job = make_jobs(owner, 1)[0]
    begun: list[datetime] = []
    for asked in range(300):
        now = NOW + asked * timedelta(seconds=0.6)
        PhotoHost.objects.update(busy=[])
        if admit([job], now=now).admitted:
            begun.append(now)
    for start in begun:
        assert len([each for each in begun if start <= each <= start + timedelta(minutes=1)]) <= 60
    assert len(begun) > 150, "it must not be much slower either"


def test_a_person_does_not_wait_behind_a_backfill(owner: User) -> None:
    admit(make_jobs(owner, 100), now=NOW)
    [person] = make_jobs(owner, 1, priority=Priority.PERSON)
    assert admit([person], now=NOW).waits[person] == timedelta(seconds=1.2)


def test_a_host_of_our_own_is_exempt(owner: User, settings: Any) -> None:
    settings.PHOTO_ALLOWED_HOSTS = [f"{HOST}:80"]
    jobs = make_jobs(owner, 50)
    assert admit(jobs, now=NOW).admitted == jobs


def test_what_is_put_back_has_lost_nothing(owner: User) -> None:
    make_jobs(owner, 1, attempts=1)
    [job] = claim(PhotoJob, limit=1)
    put_back({job: timedelta(minutes=5)})
    job.refresh_from_db()
    assert (job.state, job.attempts, job.lease_token) == ("pending", 1, None)
    assert timedelta(minutes=4) < job.next_attempt_at - timezone.now() < timedelta(minutes=6)
    assert JobAttempt.objects.count() == 0


def test_the_pipeline_keeps_to_the_limits_and_loses_nothing(owner: User, public_web: dict[str, int]) -> None:
    at_once = [0, 0]

    def answer(connection: Any, _: bytes) -> None:
        at_once[0] += 1
        at_once[1] = max(at_once)
        time.sleep(0.05)
        at_once[0] -= 1
        connection.sendall(reply(PICTURE))

    with serving(answer) as server:
        public_web[HOST] = server.port
        jobs = make_jobs(owner, 8)
        for _ in range(8):
            make_due()
            run()
    assert PhotoJob.objects.filter(state="completed", attempts=0).count() == len(jobs)
    assert at_once[1] <= AT_ONCE
    assert len(server.requests) == len(jobs)
    host = PhotoHost.objects.get(host=HOST)
    assert (host.requests, host.failures, host.busy) == (8, 0, [])
    assert host.seconds > 0.4


def test_a_server_that_asks_to_wait_is_left_alone_as_a_whole(owner: User, public_web: dict[str, int]) -> None:
    with serving(reply(status="429 Slow down", Retry_After="600")) as server, serving(reply(PICTURE)) as other:
        public_web.update({HOST: server.port, OTHER: other.port})
        make_jobs(owner, 1)
        run()
        make_jobs(owner, 3)
        make_jobs(owner, 1, host=OTHER)
        make_due()
        run()
    assert len(server.requests) == 1
    assert len(other.requests) == 1
    waiting = PhotoJob.objects.filter(state="pending")
    assert waiting.count() == 4
    assert all(job.next_attempt_at > timezone.now() + timedelta(seconds=590) for job in waiting)


@pytest.fixture
def broken(public_web: dict[str, int]) -> Any:
    with serving(reply(status="404 Not Found")) as server:
        public_web[HOST] = server.port
        yield server


def fail_once(owner: User, **fields: Any) -> PhotoJob:
    [job] = make_jobs(owner, 1, **fields)
    run()
    job.refresh_from_db()
    return job


def test_an_address_that_failed_rests_for_an_hour_and_after_three_failures_for_a_day(
    owner: User, broken: Server
) -> None:
    for failures, hours in ((1, 1), (2, 1), (3, 24), (4, 24)):
        assert fail_once(owner).verdict == "gone"
        again = fail_once(owner)
        assert (again.state, again.verdict) == ("failed", "gone")
        assert "rests until" in again.last_error
        assert len(broken.requests) == failures
        rest = FailedAddress.objects.get().until - timezone.now()
        assert timedelta(hours=hours, minutes=-1) < rest <= timedelta(hours=hours)
        FailedAddress.objects.update(until=timezone.now())


def test_a_person_is_not_put_off_with_an_old_failure(owner: User, broken: Server) -> None:
    fail_once(owner)
    assert "rests" not in fail_once(owner, priority=Priority.PERSON).last_error
    assert len(broken.requests) == 2


def test_a_failure_that_may_pass_is_remembered_only_when_it_is_final(
    owner: User, public_web: dict[str, int], settings: Any
) -> None:
    settings.PHOTO_MAX_ATTEMPTS = 2
    with serving(reply(status="500 Error")) as server:
        public_web[HOST] = server.port
        fail_once(owner)
        assert not FailedAddress.objects.exists()
        make_due()
        run()
    assert len(server.requests) == 2
    assert FailedAddress.objects.get().verdict == "server_error"


def test_an_address_that_answers_again_is_forgiven(owner: User, broken: Server, public_web: dict[str, int]) -> None:
    fail_once(owner)
    with serving(reply(PICTURE)) as server:
        public_web[HOST] = server.port
        assert fail_once(owner, priority=Priority.PERSON).state == "completed"
    assert not FailedAddress.objects.exists()


def test_an_own_host_has_no_memory_of_failures(owner: User, settings: Any) -> None:
    with serving(reply(status="404 Not Found")) as server:
        settings.PHOTO_ALLOWED_HOSTS = [server.pair]
        for _ in range(2):
            make_photo_job(owner, source_url=server.url())
            run()
    assert len(server.requests) == 2
    assert not FailedAddress.objects.exists()


def test_a_slow_server_does_not_keep_the_others_waiting(owner: User, settings: Any) -> None:
    settings.PHOTO_DEADLINE_SECONDS = 3
    with serving(lambda *_: time.sleep(5)) as slow, serving(reply(PICTURE)) as good:
        settings.PHOTO_ALLOWED_HOSTS = [slow.pair, good.pair]
        for number in range(5):
            make_photo_job(owner, source_url=slow.url(f"/{number}"))
        jobs = [make_photo_job(owner, source_url=good.url(f"/{number}")) for number in range(30)]
        started_at = timezone.now()
        run()
    ends = PhotoJob.objects.filter(pk__in=[job.pk for job in jobs], state="completed").values_list("finished_at")
    assert len(ends) == len(jobs)
    assert max(end for (end,) in ends) - started_at < timedelta(seconds=2.5)


def test_the_requests_to_our_own_hosts_are_counted_as_well(owner: User, settings: Any) -> None:
    with serving(reply(PICTURE)) as server:
        settings.PHOTO_ALLOWED_HOSTS = [server.pair]
        make_photo_job(owner, source_url=server.url())
        run()
    with connection.cursor() as cursor:
        cursor.execute("select requests, failures, busy from media_store_photohost where host = %s", [server.pair])
        assert cursor.fetchall() == [(1, 0, [])]
