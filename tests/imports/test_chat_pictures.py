"""Pictures of chats come into the cache by every kind of address, and only when something has changed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.jobs.models import Priority
from contacts.chats.caching import Eagerness, Scope, clear_pictures, enqueue_pictures, set_blocked, wake
from contacts.chats.coverage import counts_by_state
from contacts.models import Chat
from imports.models import ProviderAccount
from media_store.models import PhotoJob, StoredFile
from media_store.pruning import prune
from tests.admin.rows import make_member
from tests.imports.chat_kit import beeper_at_work, chat_of, fetch_pictures, sync
from tests.providers.beeper import BeeperStandIn
from tests.providers.chats import PICTURES
from tests.providers.faults import broken, forever, unauthorized

pytestmark = pytest.mark.django_db

# Chats of the stand-in with one person, by the kind of their picture (PICTURES in turn), none of them merged.
NUMBER = {"https": 10, "mxc": 21, "localmxc": 12, "data": 13, "file": 4, "path": 5, "none": 6, "html": 8}
VERDICTS = {"missing": "gone", "html": "not_an_image", "foreign-path": "unsafe"}


@pytest.fixture
def beeper() -> Iterator[BeeperStandIn]:
    with beeper_at_work(chats=60) as standing:
        yield standing


def look(chat: Chat, user: User) -> None:
    client = Client()
    client.force_login(user)
    assert client.get(reverse("chat-icon", args=[chat.pk])).status_code == 200


def test_every_picture_is_cached_or_says_why_not(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    fetch_pictures()
    for chat in Chat.objects.filter(merged_into="").select_related("photo_job"):
        kind = PICTURES[int(chat.external_id[5:11]) % len(PICTURES)]
        if kind == "none" or not chat.picture_url:
            assert chat.photo_job is None
        elif kind in VERDICTS:
            assert chat.photo_job
            assert (chat.photo_job.state, chat.photo_job.verdict) == ("failed", VERDICTS[kind]), kind
        else:
            assert chat.photo_job
            assert (chat.photo_job.state, chat.photo_job.verdict) == ("completed", "ok"), kind
    counts = counts_by_state(Chat.objects.all())
    assert (counts["waiting"], counts["let_go"], counts["blocked"]) == (0, 0, 0)


@pytest.mark.parametrize("media_server", [True, False])
def test_files_come_from_the_media_server_or_else_from_beeper_itself(owner: User, media_server: bool) -> None:
    more = {} if media_server else {"BEEPER_MEDIA_SERVER": ""}
    with beeper_at_work(chats=30, more=more) as beeper:
        sync(owner)
        fetch_pictures()
        for kind in ("file", "path", "mxc", "localmxc"):
            assert chat_of(NUMBER[kind]).photo_job.verdict == "ok", kind  # type: ignore[union-attr]
        asked = Counter(request.route for request in beeper.requests)
        assert bool(asked["media"]) == media_server
        served = [request for request in beeper.requests if request.route == "serve"]
        assert all(request.bearer == beeper.access_token for request in served)
        paths = [request.parameter("url") for request in served]
        assert any(path.startswith("file://") for path in paths) != media_server


def test_a_web_address_is_asked_without_any_token(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    fetch_pictures()
    asked = [request for request in beeper.requests if request.route == "avatar"]
    assert asked
    for request in asked:
        assert "Authorization" not in request.headers
        assert request.query == ""


def test_the_token_is_in_no_log_no_row_and_no_page(
    owner: User, beeper: BeeperStandIn, caplog: pytest.LogCaptureFixture, admin_client: Client
) -> None:
    caplog.set_level(logging.INFO)
    beeper.fault("media", forever(broken(503)))
    beeper.fault("serve", unauthorized(), forever(broken(500)))
    sync(owner)
    fetch_pictures()
    texts = [caplog.text]
    for job in PhotoJob.objects.all():
        texts += [job.last_error, job.source_url, job.source_ref, job.error_code]
    pages = [
        "admin:contacts_chat_changelist",
        "admin:media_store_photojob_changelist",
        "admin:imports_syncrun_changelist",
    ]
    pages += ["admin:imports_provideraccount_changelist"]
    texts += [admin_client.get(reverse(page)).content.decode() for page in pages]
    for chat in Chat.objects.all()[:5]:
        texts.append(admin_client.get(reverse("admin:contacts_chat_change", args=[chat.pk])).content.decode())
    failed = PhotoJob.objects.exclude(last_error="")
    assert failed.exists()
    for text in texts:
        assert beeper.access_token not in text
        assert beeper.media_token not in text


def test_an_address_that_changed_is_fetched_again_while_the_old_picture_stays(
    owner: User, beeper: BeeperStandIn
) -> None:
    sync(owner)
    fetch_pictures()
    for kind in ("https", "mxc", "data", "file"):
        beeper.change_picture(NUMBER[kind])
        before = chat_of(NUMBER[kind]).photo_job
        assert before
        ProviderAccount.objects.update(cursors={})
        sync(owner)
        waiting = chat_of(NUMBER[kind]).photo_job
        assert waiting
        assert (waiting.pk, waiting.state, waiting.file) == (before.pk, "pending", before.file)
        fetch_pictures()
        after = chat_of(NUMBER[kind]).photo_job
        assert after
        assert after.sha256 != before.sha256, kind
        assert after.previous_file == before.file


def test_the_same_bytes_store_nothing(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    fetch_pictures()
    files = StoredFile.objects.count()
    assert enqueue_pictures(Scope(owner.pk), now=timezone.now(), eagerness=Eagerness.EVERYTHING) > 30
    fetch_pictures()
    assert StoredFile.objects.count() == files
    assert chat_of(NUMBER["mxc"]).photo_job.verdict == "unchanged"  # type: ignore[union-attr]


def test_a_second_sync_queues_no_picture_again(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    fetch_pictures()
    sync(owner)
    assert not PhotoJob.objects.filter(state="pending").exists()


def test_failures_rest_an_hour_or_a_day_and_forbidden_addresses_for_ever(owner: User, beeper: BeeperStandIn) -> None:
    beeper.fault("media", forever(broken(503)))
    sync(owner)
    fetch_pictures()
    PhotoJob.objects.filter(state="pending").update(attempts=3, next_attempt_at=timezone.now() - timedelta(minutes=1))
    fetch_pictures()
    failed = set(PhotoJob.objects.filter(state="failed").values_list("verdict", flat=True))
    assert failed == {"server_error", "gone", "not_an_image", "unsafe"}

    def due(hours: float) -> set[str]:
        PhotoJob.objects.filter(state="pending").update(state="failed")
        enqueue_pictures(Scope(owner.pk), now=timezone.now() + timedelta(hours=hours))
        return set(PhotoJob.objects.filter(state="pending").values_list("verdict", flat=True))

    assert due(0.9) == set()
    assert due(1.1) == {"server_error"}
    assert due(25) == {"server_error", "gone", "not_an_image"}


def test_a_first_look_brings_a_waiting_picture_forward_once(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    chat = chat_of(NUMBER["mxc"])
    assert chat.photo_job
    assert chat.photo_job.priority == Priority.BACKFILL
    look(chat, owner)
    look(chat, owner)
    chat.photo_job.refresh_from_db()
    assert chat.photo_job.priority == Priority.PERSON
    assert not wake(chat_of(NUMBER["mxc"]), now=timezone.now())


def test_a_cleared_picture_comes_back_at_the_next_look(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    fetch_pictures()
    chat = chat_of(NUMBER["mxc"])
    assert clear_pictures(Chat.objects.filter(pk=chat.pk)) == 1
    sync(owner)
    cleared = chat_of(NUMBER["mxc"]).photo_job
    assert cleared
    assert (cleared.state, bool(cleared.file)) == ("completed", False)
    look(chat, owner)
    fetch_pictures()
    assert chat_of(NUMBER["mxc"]).photo_job.file  # type: ignore[union-attr]


def test_pictures_that_nobody_looks_at_are_let_go_and_come_back(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    fetch_pictures()
    cached = counts_by_state(Chat.objects.all())["cached"]
    StoredFile.objects.update(created_at=timezone.now() - timedelta(days=40))
    seen = chat_of(NUMBER["file"]).photo_job
    assert seen
    StoredFile.objects.filter(name=seen.file.name).update(last_accessed_at=timezone.now())
    pruned = prune(now=timezone.now())
    assert pruned.pictures["chat pictures"].files == cached - 1
    sync(owner)
    assert counts_by_state(Chat.objects.all())["let_go"] == cached - 1
    look(chat_of(NUMBER["data"]), owner)
    fetch_pictures()
    assert counts_by_state(Chat.objects.all())["cached"] == 2


def test_a_blocked_picture_is_neither_fetched_nor_woken(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    chat = chat_of(NUMBER["mxc"])
    set_blocked(chat, is_blocked=True, now=timezone.now())
    look(chat, owner)
    sync(owner)
    fetch_pictures()
    job = chat_of(NUMBER["mxc"]).photo_job
    assert job
    assert (job.state, bool(job.file)) == ("cancelled", False)
    set_blocked(chat, is_blocked=False, now=timezone.now())
    fetch_pictures()
    assert chat_of(NUMBER["mxc"]).photo_job.file  # type: ignore[union-attr]
    set_blocked(chat, is_blocked=True, now=timezone.now())
    clear_pictures(Chat.objects.filter(pk=chat.pk))
    assert not wake(chat_of(NUMBER["mxc"]), now=timezone.now())


def test_a_refused_media_token_holds_the_pictures_until_the_account_is_connected_again(
    owner: User, beeper: BeeperStandIn
) -> None:
    from imports.accounts.holding import needs_reconnect, release

    beeper.fault("serve", unauthorized())
    sync(owner)
    fetch_pictures()
    assert PhotoJob.objects.filter(held_reason="needs_reconnect").count() == 1
    account = ProviderAccount.objects.get()
    needs_reconnect(account.pk, "refused")
    release(account.pk)
    fetch_pictures()
    assert not PhotoJob.objects.exclude(held_reason="").exists()


def test_the_account_of_somebody_else_gives_no_picture(owner: User, other_owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    PhotoJob.objects.filter(source_kind="beeper").exclude(source_url__startswith="data:").update(owner=other_owner)
    fetch_pictures()
    assert not any(request.route in ("serve", "media") for request in beeper.requests)


def test_members_may_cache_fetch_again_and_clear(beeper: BeeperStandIn, client: Client) -> None:
    member = make_member("carol")
    client.force_login(member)
    sync(member)
    fetch_pictures()
    chat = chat_of(NUMBER["mxc"])
    changelist = reverse("admin:contacts_chat_changelist")

    def act(action: str) -> None:
        client.post(changelist, {"action": action, "_selected_action": str(chat.pk), "index": 0})

    act("clear")
    assert not chat_of(NUMBER["mxc"]).photo_job.file  # type: ignore[union-attr]
    act("cache_now")
    fetch_pictures()
    assert chat_of(NUMBER["mxc"]).photo_job.verdict == "ok"  # type: ignore[union-attr]
    act("recache")
    fetch_pictures()
    assert chat_of(NUMBER["mxc"]).photo_job.verdict == "unchanged"  # type: ignore[union-attr]
