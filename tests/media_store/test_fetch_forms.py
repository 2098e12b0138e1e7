"""Every way to write an address inside, as the address itself, as the answer about a name and behind a redirect."""

from __future__ import annotations

import pytest

from media_store.fetching import FetchError, fetch
from tests.media_store.network import FakeNames
from tests.media_store.servers import reply, serving

NAME = "pictures.example.com"

# As they are written in an address; numbers in the forms that the C library reads.
WRITTEN = [
    "127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "0", "0.0.0.0", "10.0.0.1", "172.16.0.1",  # noqa: S104
    "172.31.255.254", "192.168.0.1", "100.64.0.0", "100.127.255.255", "169.254.169.254", "169.254.170.2",
    "168.63.129.16", "100.100.100.200", "192.0.0.8", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2a00::5efe:7f00:1]", "[fec0::1]", "[fd00:ec2::254]", "[ff02::1]",
]  # fmt: skip

# What a name server may answer.
ANSWERS = [*(text for each in WRITTEN if (text := each.strip("[]")).count(".") == 3 or ":" in text), "fe80::1%eth0"]


def verdict_of(url: str, *, allowed: list[str] | None = None) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(url, allowed_hosts=allowed or [], max_bytes=10_000, deadline_seconds=5)
    return caught.value.verdict


@pytest.mark.parametrize("host", [*WRITTEN, "localhost", "localhost.", "[fe80::1%25eth0]"])
def test_an_address_inside_is_refused_however_it_is_written(host: str, names: FakeNames, dialled: list[str]) -> None:
    assert verdict_of(f"http://{host}/") == "unsafe"
    assert dialled == []


@pytest.mark.parametrize("address", ANSWERS)
def test_a_name_that_leads_inside_is_refused(address: str, names: FakeNames, dialled: list[str]) -> None:
    names.table[NAME] = [[address]]
    assert verdict_of(f"https://{NAME}/") == "unsafe"
    assert dialled == []


@pytest.mark.parametrize("host", [*WRITTEN, "localhost", "[fe80::1%25eth0]"])
def test_a_redirect_inside_is_refused_however_it_is_written(host: str, names: FakeNames) -> None:
    with serving(reply(status="302 Found", Location=f"http://{host}/")) as server:
        assert verdict_of(server.url(), allowed=[server.pair]) == "unsafe"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "2606:4700::1"]
)
def test_public_addresses_are_dialled(address: str, names: FakeNames, dialled: list[str]) -> None:
    names.table[NAME] = [[address]]
    assert verdict_of(f"https://{NAME}/") == "connection_failed"
    assert [each.strip("[]") for each in dialled] == [address]


@pytest.mark.parametrize("answer", [["93.184.215.14", "10.0.0.1"], ["10.0.0.1", "93.184.215.14"]])
def test_one_address_inside_among_public_ones_refuses_the_name(
    answer: list[str], names: FakeNames, dialled: list[str]
) -> None:
    names.table[NAME] = [answer]
    assert verdict_of(f"http://{NAME}/") == "unsafe"
    assert dialled == []


def test_a_second_answer_is_never_asked_for(names: FakeNames, dialled: list[str]) -> None:
    """Rebinding: the first answer is public, all later ones are our own machine."""
    for number in range(100):
        name = f"n{number}.example.com"
        names.table[name] = [["93.184.215.14"], ["127.0.0.1"]]
        assert verdict_of(f"http://{name}/") == "connection_failed"
        assert names.asked.count(name) == 1
    assert set(dialled) == {"93.184.215.14"}
