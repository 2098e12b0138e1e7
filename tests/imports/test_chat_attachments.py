"""Files of messages are streamed to their owner, from the place that our row names and from nowhere else."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from PIL import Image

from contacts.models import Chat, ChatAttachment
from imports.models import ProviderAccount
from tests.factories import make_user
from tests.imports.chat_kit import beeper_at_work, chat_of, sync
from tests.providers.beeper import BeeperStandIn
from tests.providers.exchange import Answer, redirect
from tests.providers.faults import Fault, broken, cut, drip, refused, unauthorized

pytestmark = pytest.mark.django_db


@pytest.fixture
def beeper() -> Iterator[BeeperStandIn]:
    with beeper_at_work(chats=10) as standing:
        yield standing


@pytest.fixture
def files(owner: User, beeper: BeeperStandIn) -> dict[str, ChatAttachment]:
    """One file by each kind of address."""
    sync(owner)
    return {file.source_url.partition(":")[0]: file for file in chat_of(4).attachments.all()}


@pytest.fixture
def signed_in(owner: User, client: Client) -> Client:
    client.force_login(owner)
    return client


def get(client: Client, file: ChatAttachment, **headers: str) -> Any:
    return client.get(reverse("chat-attachment", args=[file.pk]), headers=headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.mark.parametrize(("scheme", "route"), [("mxc", "serve"), ("file", "media")])
def test_a_file_is_streamed_from_where_it_is(
    scheme: str, route: str, files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn
) -> None:
    response = get(signed_in, files[scheme])
    content = body(response)
    assert Image.open(io.BytesIO(content)).format == "JPEG"
    assert response.status_code == 200
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Length"] == str(len(content))
    assert response["Content-Disposition"].startswith('inline; filename="holiday')
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert beeper.count(route) == 1


@pytest.mark.parametrize("scheme", ["mxc", "file"])
def test_a_range_is_passed_on(scheme: str, files: dict[str, ChatAttachment], signed_in: Client) -> None:
    whole = body(get(signed_in, files[scheme]))
    part = get(signed_in, files[scheme], Range="bytes=10-19")
    assert (part.status_code, body(part)) == (206, whole[10:20])
    assert part["Content-Range"] == f"bytes 10-19/{len(whole)}"
    assert get(signed_in, files[scheme], Range="bytes=99999999-").status_code == 416
    assert body(get(signed_in, files[scheme], Range="bytes=0-1,5-6")) == whole
    assert body(get(signed_in, files[scheme], Range="bytes=-5")) == whole[-5:]


def test_head_tells_the_size_without_the_bytes(files: dict[str, ChatAttachment], signed_in: Client) -> None:
    size = len(body(get(signed_in, files["mxc"])))
    response = signed_in.head(reverse("chat-attachment", args=[files["mxc"].pk]))
    assert (response.status_code, response["Content-Length"], response.content) == (200, str(size), b"")


def test_a_stranger_is_turned_away_before_anything_is_asked(
    files: dict[str, ChatAttachment], client: Client, beeper: BeeperStandIn
) -> None:
    asked = len(beeper.requests)
    assert get(client, files["mxc"]).status_code == 302
    client.force_login(make_user("mallory"))
    assert get(client, files["mxc"]).status_code == 404
    assert client.get("/attachments/0199aaaa-0000-7000-8000-000000000000").status_code == 404
    assert len(beeper.requests) == asked


def test_the_address_comes_from_our_row_alone(
    files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn
) -> None:
    url = reverse("chat-attachment", args=[files["mxc"].pk])
    body(signed_in.get(url, {"url": "file:///etc/passwd", "path": "../../etc/passwd"}))
    assert beeper.requests[-1].parameter("url") == files["mxc"].source_url


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "/etc/passwd", "mxc://beeper.local/../x", "file:///x/media/%2e%2e/y", "ftp://a/b"]
)
def test_an_address_out_of_bounds_is_not_asked_for(
    address: str, files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn
) -> None:
    ChatAttachment.objects.filter(pk=files["mxc"].pk).update(source_url=address)
    asked = len(beeper.requests)
    assert get(signed_in, files["mxc"]).status_code == 404
    assert len(beeper.requests) == asked


def test_redirects_are_not_followed(files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn) -> None:
    beeper.fault("serve", Fault(lambda *_: redirect(f"{beeper.address}/v1/accounts")))
    response = get(signed_in, files["mxc"])
    assert response.status_code == 502
    assert "Location" not in response
    assert beeper.requests[-1].route == "serve"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (unauthorized(), 502),
        (refused(404, "NOT_FOUND", "secret-words"), 404),
        (refused(429, "RATE_LIMITED", "secret-words"), 503),
        (refused(418, "TEAPOT", "secret-words"), 502),
        (broken(500), 502),
    ],
)
def test_what_went_wrong_there_is_said_plainly(
    fault: Fault, status: int, files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn
) -> None:
    beeper.fault("serve", fault)
    response = get(signed_in, files["mxc"])
    assert response.status_code == status
    assert response["Content-Type"] == "text/plain"
    assert response["Cache-Control"] == "no-store"
    assert "secret-words" not in response.content.decode()


def test_headers_of_the_other_side_do_not_come_through(
    files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn
) -> None:
    answer = Answer(
        body=b"<script>alert(1)</script>",
        content_type="text/html",
        headers={
            "Set-Cookie": "a=b",
            "Content-Disposition": "inline",
            "X-Token": "t",
            "Access-Control-Allow-Origin": "*",
        },
    )
    beeper.fault("serve", Fault(lambda *_: answer))
    ChatAttachment.objects.filter(pk=files["mxc"].pk).update(content_type="text/html", file_name='a".html\r\nX: y')
    response = get(signed_in, files["mxc"])
    body(response)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")
    for name in ("Set-Cookie", "X-Token", "Access-Control-Allow-Origin", "X"):
        assert name not in response.headers


def test_a_file_over_the_limit_is_not_sent(
    files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn, settings: Any
) -> None:
    settings.ATTACHMENT_MAX_BYTES = 1_000
    assert get(signed_in, files["mxc"]).status_code == 413


def test_a_file_that_ends_too_early_or_too_late_breaks_off(
    files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn, settings: Any
) -> None:
    beeper.fault("serve", cut(), drip(0.2))
    with pytest.raises(ConnectionResetError):
        body(get(signed_in, files["mxc"]))
    settings.ATTACHMENT_DEADLINE_SECONDS = 1
    with pytest.raises(ConnectionResetError):
        body(get(signed_in, files["mxc"]))


def test_a_web_address_goes_through_the_guarded_fetcher(
    files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn, settings: Any
) -> None:
    ChatAttachment.objects.filter(pk=files["mxc"].pk).update(source_url=f"{beeper.address}/avatars/1-0.jpg")
    response = get(signed_in, files["mxc"], Range="bytes=0-9")
    assert (response.status_code, len(body(response))) == (206, 10)
    assert "Authorization" not in beeper.requests[-1].headers
    settings.PHOTO_ALLOWED_HOSTS = []
    assert get(signed_in, files["mxc"]).status_code == 404


def test_without_the_account_there_is_no_file(
    files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn, other_owner: User
) -> None:
    asked = len(beeper.requests)
    Chat.objects.update(account_key=ProviderAccount(owner=other_owner).pk)
    assert get(signed_in, files["mxc"]).status_code == 404
    assert len(beeper.requests) == asked


def test_the_token_is_in_no_answer_and_no_log(
    files: dict[str, ChatAttachment], signed_in: Client, beeper: BeeperStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    beeper.fault("media", broken(500))
    told = []
    for scheme in ("file", "file", "mxc"):
        response = get(signed_in, files[scheme])
        told += [str(response.headers), body(response).decode("latin-1")]
    beeper.stop()
    response = get(signed_in, files["file"])
    assert response.status_code == 502
    told += [response.content.decode(), caplog.text]
    for text in told:
        assert beeper.media_token not in text
        assert beeper.access_token not in text
