"""Chats by command, by the cron address and by the clock; and whose Beeper is whose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.schedules import LINES
from contacts.models import Chat
from imports.beeper.connecting import CannotConnect, accounts_to_sync, connect, settings_account
from imports.beeper.connection import Connection, connection_of
from imports.models import ProviderAccount, SyncRun
from media_store.models import PhotoJob
from tests.admin.rows import make_member
from tests.factories import make_user
from tests.imports.chat_kit import NOW, beeper_at_work, fetch_pictures, sync
from tests.providers.beeper import BeeperStandIn
from tests.providers.faults import broken, forever

pytestmark = pytest.mark.django_db

SECRET = "c" * 40


@pytest.fixture
def beeper() -> Iterator[BeeperStandIn]:
    with beeper_at_work(chats=40) as standing:
        yield standing


def run(name: str, *arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(name, *arguments, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_the_command_reads_the_chats_of_one_person(owner: User, beeper: BeeperStandIn) -> None:
    answer = run("sync", "chats", "--owner", "alice")
    assert (answer["success"], answer["usersProcessed"], answer["chatsSynced"], answer["errors"]) == (True, 1, 40, [])
    assert answer["triggeredBy"] == "command"
    assert run("sync", "chats", "--owner", "alice")["chatsSynced"] == 0


def test_the_only_person_need_not_be_named_but_one_of_several_must(owner: User, beeper: BeeperStandIn) -> None:
    assert run("sync", "chats")["chatsSynced"] == 40
    ProviderAccount.objects.all().delete()
    make_user("bob")
    assert run("sync", "chats")["usersProcessed"] == 0


def test_a_failure_is_told_and_ends_with_an_error(owner: User, beeper: BeeperStandIn) -> None:
    beeper.fault("chats", forever(broken(503)))
    with pytest.raises(CommandError, match="Beeper answered 503"):
        call_command("sync", "chats", stdout=StringIO())


def test_without_a_token_the_command_says_what_is_missing(owner: User, settings: Any) -> None:
    settings.BEEPER_ACCESS_TOKEN = ""
    out = StringIO()
    call_command("sync", "chats", stdout=out)
    assert "No account is connected" in out.getvalue()


def test_the_cache_command_queues_by_network_and_limit_and_counts(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    PhotoJob.objects.all().delete()
    assert run("cache_chat_images", "--limit", "3")["queued"] == 3
    by_network = run("cache_chat_images", "--network", "whatsapp")
    assert by_network["queued"] > 0
    assert by_network["waiting"] == Chat.objects.filter(network="WhatsApp", photo_job__isnull=False).count()
    run("cache_chat_images")
    fetch_pictures()
    answer = run("cache_chat_images", "--owner", "alice")
    assert (answer["queued"], answer["waiting"]) == (0, 0)
    assert answer["cached"] + answer["failed"] + answer["none"] == Chat.objects.filter(merged_into="").count()
    assert run("cache_chat_images", "--refresh")["queued"] == answer["cached"] + answer["failed"]
    with pytest.raises(CommandError, match="no chats on 'ICQ'"):
        call_command("cache_chat_images", "--network", "ICQ", stdout=StringIO())


def test_the_cron_address_syncs_and_caches(owner: User, beeper: BeeperStandIn, client: Client, settings: Any) -> None:
    settings.CRON_SECRET = SECRET
    url = "/api/cron/cache-chat-images"
    assert client.get(url).status_code == 401
    answer = client.post(url, headers={"Authorization": f"Bearer {SECRET}"}).json()
    assert (answer["accounts"], answer["waiting"]) == (1, 0)
    assert answer["cached"] > 10
    assert "duration_ms" in answer


def test_the_clock_asks_for_a_sync(owner: User, beeper: BeeperStandIn) -> None:
    LINES["chats"].work()
    assert SyncRun.objects.get().kind == "chats"
    LINES["chats"].work()
    assert SyncRun.objects.count() == 1


def test_a_person_connects_their_own_beeper_and_the_token_is_sealed(
    owner: User, other_owner: User, beeper: BeeperStandIn
) -> None:
    wanted = Connection(beeper.address, beeper.access_token, f"{beeper.address}/media", beeper.media_token)
    accounts = [connect(person.pk, wanted, now=NOW) for person in (owner, other_owner)]
    for account in accounts:
        assert beeper.access_token not in account.sealed_tokens.text
        assert connection_of(account) == wanted
    assert len(accounts_to_sync(now=NOW)) == 2
    assert connect(owner.pk, wanted, now=NOW).pk == accounts[0].pk


def test_a_token_that_beeper_refuses_connects_nothing(owner: User, beeper: BeeperStandIn) -> None:
    with pytest.raises(CannotConnect, match="does not accept the token"):
        connect(owner.pk, Connection(beeper.address, "wrong"), now=NOW)
    assert not ProviderAccount.objects.exists()


def test_a_changed_token_of_the_settings_connects_again(owner: User, beeper: BeeperStandIn, settings: Any) -> None:
    account = settings_account(owner.pk, now=NOW)
    ProviderAccount.objects.update(state="needs_reconnect")
    assert settings_account(owner.pk, now=NOW).state == "needs_reconnect"
    beeper.access_token = settings.BEEPER_ACCESS_TOKEN = "another-token"
    assert [found.pk for found in accounts_to_sync(now=NOW)] == [account.pk]


def test_the_page_of_the_cache_shows_ones_own_networks(beeper: BeeperStandIn, client: Client) -> None:
    member = make_member("carol")
    sync(member)
    fetch_pictures()
    client.force_login(member)
    page = client.get(reverse("admin:contacts_chat_cache")).content.decode()
    assert "WhatsApp" in page
    client.force_login(make_member("dave"))
    assert "WhatsApp" not in client.get(reverse("admin:contacts_chat_cache")).content.decode()


def test_filters_find_chats_by_picture_and_network(beeper: BeeperStandIn, client: Client) -> None:
    member = make_member("carol")
    sync(member)
    PhotoJob.objects.filter(chat__network="Signal").update(state="failed", finished_at=timezone.now())
    client.force_login(member)
    url = reverse("admin:contacts_chat_changelist")
    for query, expected in (
        ({"network": "Signal"}, Chat.objects.filter(network="Signal")),
        ({"picture": "failed"}, Chat.objects.filter(network="Signal").exclude(picture_url="")),
        ({"picture": "none"}, Chat.objects.filter(picture_url="")),
        ({"linked": "yes"}, Chat.objects.none()),
        ({"archived": "yes"}, Chat.objects.filter(is_archived=True)),
    ):
        found = client.get(url, query).context["cl"].queryset
        assert set(found) == set(expected.filter(merged_into="")), query
