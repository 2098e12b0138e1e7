"""Real workers: several at once, and some that are killed, as by `kill -9`, in the middle of a sync or of caching."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from config.jobs.claiming import reap
from contacts.chats.caching import Eagerness, Scope, clear_pictures, enqueue_pictures, wake
from contacts.chats.coverage import counts_by_state
from contacts.models import Chat, ChatAttachment, ChatParticipant, CommunicationEvent
from imports.models import ProviderAccount, SyncRun
from imports.sync.asking import ask
from media_store.models import PhotoJob, StoredFile
from media_store.pruning import prune
from tests.factories import make_contact
from tests.imports.chat_kit import NOW, account_of, beeper_at_work, fetch_pictures, sync
from tests.providers.beeper import BeeperStandIn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

MOMENTS = [
    ("imports.sync.chats.write_chats", 1),
    ("imports.sync.chats.write_chats", 3),
    ("before:imports.sync.chats.match_chats", 1),
    ("imports.sync.chats.record_messages", 2),
    ("imports.sync.chats.enqueue_pictures", 1),
]


@pytest.fixture
def beeper() -> Iterator[BeeperStandIn]:
    with beeper_at_work(chats=60) as standing:
        yield standing


def worker(beeper: BeeperStandIn, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        **beeper.settings(),
        "PYTHONPATH": str(settings.BASE_DIR),
        "DJANGO_SETTINGS_MODULE": "tests.imports.chat_settings",
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_KEYS": ",".join(settings.FIELD_KEYS),
    }
    command = [sys.executable, "-m", "tests.imports.chat_worker", *arguments]
    return subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def ended(process: subprocess.Popen[bytes]) -> int:
    """Let the worker come to its end and return its exit code; one that was killed has come to it already."""
    with contextlib.suppress(BrokenPipeError):
        process.communicate(timeout=120)
    return process.returncode


def killed(beeper: BeeperStandIn, *arguments: str) -> bool:
    """Run a worker that dies at a moment; say whether it did."""
    process = worker(beeper, *arguments)
    code = process.wait(120)
    ended(process)
    return code == -signal.SIGKILL


def everything() -> dict[str, object]:
    """Return what a sync writes, without ids and times of our own."""
    events = CommunicationEvent.objects.values_list("contact__display_name", "happened_at", "direction")
    return {
        "chats": sorted(Chat.objects.values_list("external_id", "title", "people", "last_activity", "read_activity")),
        "people": sorted(ChatParticipant.objects.values_list("chat__external_id", "external_id")),
        "events": sorted(events),
        "files": sorted(ChatAttachment.objects.values_list("chat__external_id", "message_id", "source_url")),
        "pictures": sorted(PhotoJob.objects.values_list("source_kind", "source_url")),
        "gone": Chat.objects.exclude(gone_at=None).count(),
    }


def friends(owner: User) -> None:
    """Make contacts of some who are in the stand-in's chats."""
    numbers = ChatParticipant.objects.exclude(phone="").order_by("chat__external_id", "external_id")
    for number, person in enumerate(numbers[:12]):
        make_contact(owner, f"Friend {number:02}", phone=person.phone)


def start_anew(owner: User) -> None:
    """Forget everything but the contacts."""
    CommunicationEvent.objects.all().delete()
    PhotoJob.objects.all().delete()
    Chat.objects.all().delete()
    ProviderAccount.objects.all().delete()
    account_of(owner)


def test_a_sync_that_is_killed_anywhere_ends_as_if_nothing_had_happened(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    friends(owner)
    start_anew(owner)
    sync(owner)
    expected = everything()
    assert expected["events"]
    start_anew(owner)
    ask(SyncRun.Kind.CHATS, now=NOW, owner_id=owner.pk)
    for moment, number in MOMENTS:
        assert killed(beeper, "sync", moment, str(number)), moment
        SyncRun.objects.exclude(lease_token=None).update(lease_until=Now() - timedelta(seconds=1))
        reap(SyncRun)
        SyncRun.objects.update(next_attempt_at=Now())
    run = SyncRun.objects.get()
    # Killed after the last page, it had ended; the next sync queues the pictures.
    assert run.state == SyncRun.State.COMPLETED
    sync(owner)
    assert everything() == expected


def test_caching_that_is_killed_again_and_again_loses_and_doubles_nothing(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    for number in (1, 2):
        assert killed(beeper, "photos", "media_store.storing._record", str(number))
        PhotoJob.objects.exclude(lease_token=None).update(lease_until=Now() - timedelta(seconds=1))
        reap(PhotoJob)
        PhotoJob.objects.filter(state="pending").update(next_attempt_at=Now())
    fetch_pictures()
    assert_sound(owner)
    assert counts_by_state(Chat.objects.all())["waiting"] == 0


def test_changes_pruning_and_looks_beside_two_workers_leave_every_picture_sound(
    owner: User, beeper: BeeperStandIn
) -> None:
    sync(owner)
    workers = [worker(beeper, "photos") for _ in range(2)]
    for turn in range(1, 6):
        chats = list(Chat.objects.filter(merged_into="").exclude(picture_url="").select_related("photo_job"))
        chosen = chats[turn % 7 :: 7]
        for chat in chosen:
            beeper.change_picture(int(chat.external_id[5:11]))
        ProviderAccount.objects.update(cursors={})
        sync(owner)
        clear_pictures(Chat.objects.filter(pk__in=[chat.pk for chat in chats[turn % 5 :: 5]]))
        StoredFile.objects.filter(pk__in=list(StoredFile.objects.values_list("pk", flat=True)[: turn % 9])).update(
            created_at=timezone.now() - timedelta(days=40)
        )
        prune(now=timezone.now())
        for chat in chats[turn % 3 :: 3]:
            wake(Chat.objects.select_related("photo_job").get(pk=chat.pk), now=timezone.now())
        enqueue_pictures(Scope(owner.pk), now=timezone.now(), eagerness=Eagerness.MISSING)
    assert [ended(process) for process in workers] == [0, 0]
    enqueue_pictures(Scope(owner.pk), now=timezone.now(), eagerness=Eagerness.MISSING)
    fetch_pictures()
    assert_sound(owner)
    counts = counts_by_state(Chat.objects.all())
    assert (counts["waiting"], counts["let_go"]) == (0, 0)


def test_many_who_look_at_once_fetch_a_picture_once(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    fetch_pictures()
    served = beeper.count("serve")
    chat = Chat.objects.filter(photo_job__source_url__startswith="mxc://", photo_job__verdict="ok")[0]
    clear_pictures(Chat.objects.filter(pk=chat.pk))
    now = timezone.now()
    woken = [wake(Chat.objects.select_related("photo_job").get(pk=chat.pk), now=now) for _ in range(20)]
    assert sum(woken) == 1
    fetch_pictures()
    assert beeper.count("serve") == served + 1


def assert_sound(owner: User) -> None:
    """Every picture that is named is there, shows what its address gives now, and no job is left with a lease."""
    for job in PhotoJob.objects.exclude(file=""):
        assert default_storage.exists(job.file.name), job.source_url
        assert StoredFile.objects.live().get(name=job.file.name).sha256 == job.sha256
    jobs = PhotoJob.objects.filter(chat__isnull=False)
    assert jobs.count() == Chat.objects.exclude(picture_url="").filter(merged_into="").count()
    assert not jobs.exclude(lease_token=None).exists()
    assert not jobs.filter(~Q(state="failed"), file="", verdict__in=("", "ok")).exclude(state="pending").exists()
    for chat in Chat.objects.exclude(photo_job=None).select_related("photo_job"):
        assert chat.photo_job
        assert chat.photo_job.source_url == chat.picture_url
