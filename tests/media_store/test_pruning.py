"""`prune_media` frees what can be fetched again and nobody looks at, never a last good copy; a look brings it back."""

from __future__ import annotations

import io
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from config.jobs.models import Priority
from media_store import pruning
from media_store.collecting import alone
from media_store.models import PhotoJob, StoredFile
from media_store.pruning import prune, register_prunable
from media_store.refetching import refetch_missing
from tests.factories import make_contact, make_photo_job, make_picture

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _chats(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the chats app will: its pictures are those with this path hint."""
    monkeypatch.setattr(pruning, "_prunable", {})
    register_prunable("chat pictures", lambda: PhotoJob.objects.filter(path_hint="chats"))


def make_chat_picture(owner: User, **fields: Any) -> PhotoJob:
    return make_photo_job(owner, is_stored=True, path_hint="chats", **fields)


def see(job: PhotoJob, *, days_ago: int) -> None:
    StoredFile.objects.filter(name=job.file.name).update(last_accessed_at=timezone.now() - days_ago * DAY)


def refreshed(job: PhotoJob) -> PhotoJob:
    job.refresh_from_db()
    return job


def test_a_chat_picture_goes_when_nobody_has_looked_for_so_long(owner: User) -> None:
    stale, fresh = make_chat_picture(owner), make_chat_picture(owner)
    see(stale, days_ago=31)
    see(fresh, days_ago=29)
    name = stale.file.name
    pruned = prune(now=timezone.now())
    assert pruned.pictures["chat pictures"].files == 1
    assert (refreshed(stale).file.name, stale.sha256, stale.state) == ("", "", "completed")
    assert not default_storage.exists(str(name))
    assert default_storage.exists(str(refreshed(fresh).file.name))


def test_pictures_of_contacts_are_never_pruned(owner: User) -> None:
    picture = make_picture(make_contact(owner))
    see(picture.photo_job, days_ago=900)
    prune(now=timezone.now(), older_than=DAY)
    assert refreshed(picture.photo_job).file


@pytest.mark.parametrize(
    "fields",
    [
        {"verdict": "gone"},
        {"verdict": "denied"},
        {"verdict": "server_error", "state": "failed"},
        {"source_url": ""},
        {"source_kind": "stored"},
        {"absent_since": timezone.now() - DAY},
        {"gone_at": timezone.now() - DAY},
        {"state": "pending"},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_a_last_good_copy_is_kept_whatever_was_entered(owner: User, fields: dict[str, Any]) -> None:
    job = make_chat_picture(owner)
    see(job, days_ago=900)
    PhotoJob.objects.filter(pk=job.pk).update(**fields)
    prune(now=timezone.now(), older_than=DAY)
    assert refreshed(job).file


def test_a_dry_run_says_the_same_and_changes_nothing(owner: User) -> None:
    job = make_chat_picture(owner)
    see(job, days_ago=31)
    size = default_storage.size(str(job.file.name))
    out = io.StringIO()
    call_command("prune_media", "--dry-run", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert answer["pictures"] == {"chat pictures": {"files": 1, "bytes": size}}
    assert refreshed(job).file
    out = io.StringIO()
    call_command("prune_media", "--older-than", "32", "--json", stdout=out)
    assert json.loads(out.getvalue())["pictures"] == {"chat pictures": {"files": 0, "bytes": 0}}
    call_command("prune_media", "--json", stdout=out)
    assert not refreshed(job).file


def test_the_command_frees_unnamed_files_and_waits_for_nobody() -> None:
    name = default_storage.save("o1/left.bin", ContentFile(b"left"))
    StoredFile.objects.update(created_at=timezone.now() - 3 * DAY)
    call_command("prune_media", stdout=io.StringIO())
    assert not default_storage.exists(name)
    with pytest.raises(CommandError, match="negative"):
        call_command("prune_media", "--older-than", "-1")


@pytest.mark.django_db(transaction=True)
def test_the_command_says_that_another_one_runs() -> None:
    problems: list[str] = []

    def other() -> None:
        try:
            call_command("prune_media", stdout=io.StringIO())
        except CommandError as error:
            problems.append(str(error))
        finally:
            connection.close()

    with alone():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert problems == ["Another collector or doctor is at work on this store."]


def test_a_pruned_picture_comes_back_when_somebody_looks(owner: User) -> None:
    job = make_chat_picture(owner)
    see(job, days_ago=31)
    prune(now=timezone.now())
    assert refetch_missing(refreshed(job), now=timezone.now())
    assert (refreshed(job).state, job.priority) == ("pending", Priority.PERSON)
    assert not refetch_missing(job, now=timezone.now())
    assert OrmQ.objects.count() == 1


def test_a_lost_picture_is_asked_for_as_a_whole(owner: User) -> None:
    """With validators the source would say that nothing has changed, and there would still be no picture."""
    job = make_photo_job(owner, is_stored=True, etag='"a"', source_sha256="f" * 64)
    StoredFile.objects.all().delete()
    assert refetch_missing(refreshed(job), now=timezone.now())
    assert (refreshed(job).etag, job.source_sha256, job.sha256, job.file.name) == ("", "", "", "")


def test_a_picture_that_is_there_is_not_asked_for(owner: User) -> None:
    job = make_photo_job(owner, is_stored=True)
    assert not refetch_missing(refreshed(job), now=timezone.now())
    assert refreshed(job).file


@pytest.mark.parametrize("fields", [{"verdict": "gone"}, {"verdict": "denied"}, {"source_url": ""}], ids=str)
def test_a_source_that_has_refused_is_not_asked_again(owner: User, fields: dict[str, str]) -> None:
    job = make_photo_job(owner, is_stored=True)
    PhotoJob.objects.update(file="", **fields)
    assert not refetch_missing(refreshed(job), now=timezone.now())
    assert refreshed(job).state == "completed"


def test_a_failed_try_is_left_alone_for_an_hour(owner: User) -> None:
    now = timezone.now()
    job = make_photo_job(owner, state="failed", verdict="timeout", finished_at=now)
    assert not refetch_missing(job, now=now + timedelta(minutes=59))
    assert refetch_missing(job, now=now + timedelta(minutes=61))


@pytest.mark.django_db(transaction=True)
def test_many_lookers_are_one_flight(owner: User) -> None:
    job = make_photo_job(owner, is_stored=True)
    PhotoJob.objects.update(file="")
    job.refresh_from_db()
    answers: list[bool] = []
    barrier = threading.Barrier(8)

    def look() -> None:
        barrier.wait(5)
        answers.append(refetch_missing(job, now=timezone.now()))
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 7 + [True]
    assert OrmQ.objects.count() == 1


def test_an_avatar_whose_bytes_are_lost_is_initials_until_it_is_back(owner: User, client: Client) -> None:
    contact = make_contact(owner)
    picture = make_picture(contact)
    StoredFile.objects.all().delete()
    client.force_login(owner)
    for _ in range(3):
        response = client.get(f"/images/contacts/{contact.pk}/avatar")
        assert (response.status_code, response["Content-Type"]) == (200, "image/svg+xml")
    assert refreshed(picture.photo_job).state == "pending"
    assert OrmQ.objects.count() == 1
