"""Beeper's stand-in satisfies Beeper's own client, and serves pictures in every form that the real one does."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from beeper_desktop_api import BadRequestError, BeeperDesktop
from PIL import Image

from tests.providers.beeper import BeeperStandIn, beeper_stand_in
from tests.providers.chats import chat_id
from tests.providers.faults import repeated_page


@contextmanager
def client_of(beeper: BeeperStandIn, *, token: str = "") -> Iterator[BeeperDesktop]:
    settings = beeper.settings()
    client = BeeperDesktop(
        base_url=settings["BEEPER_BASE_URL"], access_token=token or settings["BEEPER_ACCESS_TOKEN"], max_retries=0
    )
    with client:
        yield client


def served(beeper: BeeperStandIn, url: str, **headers: str) -> requests.Response:
    wanted = {"Authorization": f"Bearer {beeper.access_token}", **headers}
    return requests.get(f"{beeper.address}/v1/assets/serve", params={"url": url}, headers=wanted, timeout=10)


def test_the_packages_own_client_reads_everything() -> None:
    with beeper_stand_in(chats=60) as beeper, client_of(beeper) as client:
        assert client.info.retrieve().app.name == "Beeper stand-in"
        assert [account.network for account in client.accounts.list()] == ["WhatsApp", "Telegram", "Signal", "LinkedIn"]
        chats = list(client.chats.list())
        assert len({chat.id for chat in chats}) == len(chats) == 60
        activity = [chat.last_activity for chat in chats if chat.last_activity]
        assert activity == sorted(activity, reverse=True)
        messages = list(client.messages.list(chats[3].id))
        assert len({message.id for message in messages}) == len(messages) == 45
        assert {message.is_sender for message in messages} == {True, False}


def test_only_new_activity_comes_after_the_newest_cursor() -> None:
    with beeper_stand_in(chats=30) as beeper, client_of(beeper) as client:
        cursor = client.chats.list().newest_cursor
        assert cursor
        beeper.add_message(20)
        newer = client.chats.list(cursor=cursor, direction="after")
        assert [chat.id for chat in newer.items] == [chat_id(20)]
        latest = client.messages.list(chat_id(20))
        assert len(list(latest)) == 46


def test_arriving_messages_leave_the_older_ones_as_they_were() -> None:
    with beeper_stand_in(chats=5) as beeper, client_of(beeper) as client:
        before = {message.id: message.timestamp for message in client.messages.list(chat_id(3))}
        beeper.add_message(3)
        after = {message.id: message.timestamp for message in client.messages.list(chat_id(3))}
        assert before.items() < after.items()
        assert max(after.values()) == client.chats.retrieve(chat_id(3)).last_activity


def test_a_list_shows_twenty_participants_and_a_chat_all_of_them() -> None:
    with beeper_stand_in(chats=8) as beeper, client_of(beeper) as client:
        group = next(chat for chat in client.chats.list() if chat.id == chat_id(7))
        whole = client.chats.retrieve(chat_id(7), max_participant_count=-1)
        assert (len(group.participants.items), group.participants.has_more) == (20, True)
        assert (len(whole.participants.items), whole.participants.total) == (31, 31)


def test_merged_chats_name_their_members_and_hold_no_messages() -> None:
    with beeper_stand_in(chats=30) as beeper, client_of(beeper) as client:
        chats = {chat.id: chat for chat in client.chats.list()}
        merged = chats[chat_id(25)]
        assert merged.merge
        assert [chats[member].merged_into_chat_id for member in merged.merge.chat_ids] == [merged.id] * 2
        assert client.messages.list(merged.id).items == []


def test_pictures_come_in_every_form() -> None:
    with beeper_stand_in(chats=60) as beeper, client_of(beeper) as client:
        chats = list(client.chats.list())
        pictures = [user.img_url for chat in chats for user in chat.participants.items if user.img_url]
        schemes = {picture.partition(":")[0] for picture in pictures if not picture.startswith("/")}
        assert schemes == {"http", "mxc", "localmxc", "data", "file"}
        groups = [chat.img_url for chat in chats if chat.type == "group" and chat.img_url]
        assert any(picture.startswith("/Users/mara/") for picture in groups)


@pytest.mark.parametrize("scheme", ["mxc", "localmxc", "file"])
def test_assets_are_served_by_the_address_in_the_list(scheme: str) -> None:
    with beeper_stand_in(chats=40) as beeper, client_of(beeper) as client:
        pictures = [user.img_url or "" for chat in client.chats.list() for user in chat.participants.items]
        url = next(picture for picture in pictures if picture.startswith(f"{scheme}://") and "-" in picture)
        answer = served(beeper, url)
        assert Image.open(io.BytesIO(answer.content)).format == "JPEG"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        part = served(beeper, url, Range="bytes=10-19")
        assert (part.status_code, part.content) == (206, answer.content[10:20])
        assert served(beeper, url, Range="bytes=9999999-").status_code == 416


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "mxc://beeper.local/missing-1", "https://example.com/x", "file:///Users/mara/x.jpg", ""],
)
def test_nothing_else_is_served(url: str) -> None:
    with beeper_stand_in() as beeper:
        assert served(beeper, url).status_code == 404
        assert beeper.requests[-1].parameter("url") == url


def test_the_media_server_wants_its_token() -> None:
    with beeper_stand_in() as beeper:
        address = f"{beeper.settings()['BEEPER_MEDIA_SERVER']}/local/4-0"
        good = requests.get(address, params={"token": beeper.media_token}, timeout=10)
        assert Image.open(io.BytesIO(good.content)).format == "JPEG"
        assert requests.get(address, params={"token": "wrong"}, timeout=10).status_code == 401
        up = requests.get(
            f"{beeper.settings()['BEEPER_MEDIA_SERVER']}/..%2f..%2fetc/passwd?token={beeper.media_token}", timeout=10
        )
        assert up.status_code == 404


def test_a_download_can_fail_with_status_200() -> None:
    with beeper_stand_in() as beeper, client_of(beeper) as client:
        good, bad = (client.assets.download(url=f"mxc://beeper.local/{name}") for name in ("1-0", "missing-1"))
        assert (good.src_url or "").startswith("file:///Users/mara/")
        assert (bad.src_url, bool(bad.error)) == (None, True)
        with pytest.raises(BadRequestError):
            client.assets.download(url="file:///etc/passwd")


@pytest.mark.parametrize(
    "path",
    ["/accounts", "/accounts/telegramgo", "/chats", "/chats/x", "/chats/x/messages", "/assets/serve?url=mxc://a/b"],
)
def test_every_address_of_the_api_but_info_wants_the_token(path: str) -> None:
    with beeper_stand_in() as beeper, client_of(beeper, token="wrong") as client:
        assert client.info.retrieve().server.status == "running"
        answer = requests.get(f"{beeper.address}/v1{path}", headers={"Authorization": "Bearer wrong"}, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")


def test_the_first_page_can_come_twice() -> None:
    with beeper_stand_in(chats=30) as beeper, client_of(beeper) as client:
        beeper.fault("chats", repeated_page())
        first = client.chats.list()
        second = client.chats.list(cursor=first.oldest_cursor or "")
        assert [chat.id for chat in second.items] == [chat.id for chat in first.items]
