"""A download reaches only what its address may name, on every hop."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from ipaddress import ip_address
from typing import Any

import pytest

from media_store.fetching import Fetched, FetchError, fetch
from tests.media_store.network import FakeNames
from tests.media_store.servers import Server, reply, serving

FULL_WIDTH_LOOPBACK = "127.0.0.1".translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0127"})


def get(url: str, *, allowed: list[str] | None = None) -> Fetched:
    return fetch(url, allowed_hosts=allowed or [], max_bytes=10_000, deadline_seconds=5)


def verdict_of(url: str, *, allowed: list[str] | None = None) -> str:
    with pytest.raises(FetchError) as caught:
        get(url, allowed=allowed)
    return caught.value.verdict


@pytest.fixture
def inside() -> Iterator[Server]:
    """A server that nobody may reach unless its pair is named."""
    with serving(reply(b"secret")) as server:
        yield server


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/a", "data:image/png;base64,AA==",
        "javascript:alert(1)", "//example.com/a", "example.com/a", "", "http://", "http://user@example.com/",
        "http://a:b@example.com/", "http://example.com\\@127.0.0.1/", "http://exa\nmple.com/", "http://example.com/ a",
        "http://example.com:22/", "http://example.com:25/", "http://example.com:6379/", "http://example.com:8080/",
        "http://exam\x00ple.com/", "http://example.com/\r\nHost: a", "http://1.2.3.4:22/", "http://[::1]:80@a/",
        "https://example.com:80/", "http://example.com:99999/",
        "http://intranet/", "http://printer.local/", "http://api.internal/", "http://x.onion/", "http://a.localhost/",
        f"http://{'a' * 300}.com/", f"http://example.com/{'a' * 5_000}", "http://[::1%25eth0]/", "http://[nonsense]/",
    ],
)  # fmt: skip
def test_an_address_that_is_no_public_web_address_is_refused_before_any_look_up(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_store.fetching.resolve", lambda *_, **__: pytest.fail("looked up"))
    assert verdict_of(url) == "unsafe"


def test_a_named_pair_of_host_and_port_is_reached(inside: Server) -> None:
    assert get(inside.url(), allowed=[inside.pair]).content == b"secret"


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.1:80", "localhost:{port}", "127.0.0.1:{port}0", "*:{port}"])
def test_a_named_pair_lifts_the_rules_for_exactly_that_pair(allowed: str, inside: Server) -> None:
    assert verdict_of(inside.url(), allowed=[allowed.format(port=inside.port)]) == "unsafe"
    assert inside.requests == []


def test_a_name_that_is_allowed_is_looked_up_once_and_sent_as_host(inside: Server, names: FakeNames) -> None:
    pair = f"pictures.example.com:{inside.port}"
    names.table["pictures.example.com"] = [["127.0.0.1"], ["10.0.0.1"]]
    assert get(f"http://{pair}/a?b=c", allowed=[pair]).content == b"secret"
    assert names.asked.count("pictures.example.com") == 1
    assert b"GET /a?b=c HTTP/1.1\r\n" in inside.requests[0]
    assert f"\r\nHost: {pair}\r\n".encode() in inside.requests[0]


@pytest.mark.parametrize(
    "location",
    ["{inside}", "http://127.0.0.1/", "file:///etc/passwd", "//[::1]/", "http://10.0.0.1:80/", "gopher://example.com/"],
)
def test_a_redirect_is_checked_as_strictly_as_the_first_address(location: str, inside: Server) -> None:
    with serving(reply(status="302 Found", Location=location.format(inside=inside.url()))) as server:
        assert verdict_of(server.url(), allowed=[server.pair]) == "unsafe"
    assert inside.requests == []


def test_three_redirects_are_followed() -> None:
    with hopping(3) as server:
        assert get(server.url("/0"), allowed=[server.pair]).content == b"there"


def test_a_fourth_redirect_is_not_followed() -> None:
    with hopping(4) as server:
        assert verdict_of(server.url("/0"), allowed=[server.pair]) == "too_many_redirects"
        assert len(server.requests) == 4


def test_a_redirect_to_itself_ends() -> None:
    with serving(reply(status="302 Found", Location="/again")) as server:
        assert verdict_of(server.url(), allowed=[server.pair]) == "too_many_redirects"
    assert len(server.requests) == 4


def test_a_redirect_without_a_place_is_an_error_of_the_server() -> None:
    with serving(reply(status="302 Found")) as server:
        assert verdict_of(server.url(), allowed=[server.pair]) == "server_error"


def test_a_redirect_to_an_endless_place_is_not_followed() -> None:
    with serving(reply(status="302 Found", Location="/" + "a" * 1_000_000)) as server:
        assert verdict_of(server.url(), allowed=[server.pair]) == "connection_failed"
    with serving(reply(status="302 Found", Location="/" + "a" * 5_000)) as server:
        assert verdict_of(server.url(), allowed=[server.pair]) == "unsafe"
    assert len(server.requests) == 1


def test_a_cookie_is_not_carried_to_the_next_hop() -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        is_first = request.startswith(b"GET /picture")
        connection.sendall(
            reply(status="302 Found", Location="/next", Set_Cookie="id=1; Path=/") if is_first else reply(b"there")
        )

    with serving(answer) as server:
        assert get(server.url(), allowed=[server.pair]).content == b"there"
    assert b"cookie" not in server.requests[1].lower()
    assert b"id=1" not in server.requests[1]


def test_digits_of_another_script_are_read_as_a_browser_does(names: FakeNames) -> None:
    assert verdict_of(f"http://{FULL_WIDTH_LOOPBACK}/") == "unsafe"


def test_a_public_address_of_this_very_machine_is_refused(
    names: FakeNames, dialled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_store.addresses.own_addresses", lambda: {ip_address("93.184.215.14")})
    names.table["home.example.com"] = [["93.184.215.14"]]
    assert verdict_of("http://home.example.com/") == "unsafe"
    assert dialled == []


def hopping(last: int) -> AbstractContextManager[Server]:
    """Serve /0, which redirects to /1, and so on to /`last`, which has the content."""

    def hop(connection: socket.socket, request: bytes) -> None:
        number = int(request.split()[1].strip(b"/"))
        answer = reply(b"there") if number == last else reply(status="302 Found", Location=f"/{number + 1}")
        connection.sendall(answer)

    return serving(hop)


def test_cookies_proxies_and_passwords_of_the_environment_are_not_used(
    inside: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login alice password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    get(inside.url(), allowed=[inside.pair])
    sent = inside.requests[0].lower()
    assert b"authorization" not in sent
    assert b"cookie" not in sent
    assert b"accept-encoding: identity" in sent
