"""A download ends in time, within its size, and says in one word what went wrong."""

from __future__ import annotations

import gzip
import socket
import time
from datetime import timedelta

import pytest

from media_store.fetching import Fetched, FetchError, fetch
from tests.media_store.servers import Answer, Server, dripping, reply, serving

MAX_BYTES = 100_000


def get(server: Server, *, seconds: float = 5, etag: str = "", last_modified: str = "") -> Fetched:
    return fetch(
        server.url(),
        allowed_hosts=[server.pair],
        max_bytes=MAX_BYTES,
        deadline_seconds=seconds,
        etag=etag,
        last_modified=last_modified,
    )


def failure(answer: Answer | bytes, *, seconds: float = 5) -> FetchError:
    with serving(answer) as server, pytest.raises(FetchError) as caught:
        get(server, seconds=seconds)
    return caught.value


def test_the_content_comes_with_what_is_needed_to_ask_for_changes() -> None:
    with serving(reply(b"picture", ETag='"one"', Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT")) as server:
        fetched = get(server)
    assert fetched == Fetched(b"picture", '"one"', "Thu, 01 Jan 2026 00:00:00 GMT", server.url())


def test_unchanged_content_is_none() -> None:
    with serving(reply(status="304 Not Modified", ETag='"one"')) as server:
        assert get(server, etag='"one"', last_modified="Thu, 01 Jan 2026 00:00:00 GMT").content is None
    assert b'If-None-Match: "one"' in server.requests[0]
    assert b"If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT" in server.requests[0]


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"",
    ],
)
def test_a_server_that_drips_is_cut_off_at_the_deadline(start: bytes) -> None:
    before = time.monotonic()
    error = failure(dripping(start), seconds=1)
    assert error.verdict == "timeout"
    assert time.monotonic() - before < 3


def test_a_server_that_says_nothing_is_cut_off_at_the_deadline() -> None:
    before = time.monotonic()
    assert failure(lambda *_: time.sleep(4), seconds=1).verdict == "timeout"
    assert time.monotonic() - before < 3


def test_a_look_up_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    before = time.monotonic()
    monkeypatch.setattr("media_store.fetching.LOOKUP_SECONDS", 0.2)
    with pytest.raises(FetchError) as caught:
        fetch("http://slow.example.com/", allowed_hosts=[], max_bytes=9, deadline_seconds=5)
    assert caught.value.verdict == "timeout"
    assert time.monotonic() - before < 2


@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL])
def test_a_name_without_an_address_is_a_failed_connection(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(FetchError) as caught:
        fetch("http://never.example.com/", allowed_hosts=[], max_bytes=9, deadline_seconds=5)
    assert caught.value.verdict == "connection_failed"


def test_a_file_that_announces_too_much_is_refused_before_its_body() -> None:
    assert failure(reply(b"x", Content_Length="10000000000")).verdict == "too_large"


@pytest.mark.parametrize("headers", [b"", b"Content-Length: -5\r\n", b"Content-Length: a few\r\n"])
def test_a_body_without_a_true_length_is_cut_at_the_limit(headers: bytes) -> None:
    assert failure(dripping(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n", drop=b"x" * 60_000, seconds=0)).verdict == (
        "too_large"
    )


def test_an_endless_chunked_body_is_cut_at_the_limit() -> None:
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert failure(dripping(start, drop=b"fff\r\n" + b"x" * 0xFFF + b"\r\n", seconds=0)).verdict == "too_large"


def test_a_length_that_promises_too_little_gives_only_that_much() -> None:
    with serving(reply(b"picture and more", Content_Length="7")) as server:
        assert get(server).content == b"picture"


@pytest.mark.parametrize("second", [b"4", b"8"])
def test_a_body_with_two_lengths_is_no_picture(second: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nContent-Length: " + second + b"\r\n\r\npicture!"
    assert failure(answer).verdict == "connection_failed"


def test_a_connection_that_closes_early_is_a_failed_one() -> None:
    for start in (b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Le", b"nonsense\r\n\r\n"):
        assert failure(start).verdict == "connection_failed"


def test_unchanged_without_a_question_has_no_content() -> None:
    with serving(reply(status="304 Not Modified")) as server:
        assert get(server).content is None


def test_a_body_shorter_than_its_length_is_no_picture() -> None:
    assert failure(reply(b"half", Content_Length="8")).verdict == "connection_failed"


def test_a_chunked_body_that_breaks_off_is_no_picture() -> None:
    broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    assert failure(broken).verdict == "connection_failed"


def test_a_compressed_bomb_is_refused_unread() -> None:
    assert failure(reply(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")).verdict == "not_an_image"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate"])
def test_a_compressed_answer_is_refused(encoding: str) -> None:
    assert failure(reply(b"squeezed", Content_Encoding=encoding)).verdict == "not_an_image"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("204 No Content", "not_an_image"),
        ("206 Partial Content", "server_error"),
        ("401 Unauthorized", "denied"),
        ("403 Forbidden", "denied"),
        ("404 Not Found", "gone"),
        ("410 Gone", "gone"),
        ("418 Teapot", "denied"),
        ("429 Too Many Requests", "rate_limited"),
        ("500 Error", "server_error"),
        ("503 Unavailable", "server_error"),
    ],
)
def test_every_status_has_its_verdict(status: str, verdict: str) -> None:
    assert failure(reply(b"x", status=status)).verdict == verdict


def test_an_empty_file_is_no_picture() -> None:
    assert failure(reply(b"")).verdict == "not_an_image"


def test_a_closed_port_is_a_failed_connection() -> None:
    with serving(b"") as server:
        pass
    with pytest.raises(FetchError) as caught:
        get(server)
    assert caught.value.verdict == "connection_failed"


def test_a_server_that_asks_to_wait_is_heard() -> None:
    assert failure(reply(status="429 Slow down", Retry_After="120")).retry_after == timedelta(minutes=2)
