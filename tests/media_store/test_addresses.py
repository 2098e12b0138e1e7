"""Which addresses may be dialled: only public unicast ones, in no disguise."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from media_store import addresses
from media_store.addresses import is_allowed, own_addresses

REFUSED = [
    "0.0.0.1", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.127.255.255", "100.100.100.200", "127.0.0.1",
    "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.0", "172.31.255.255",
    "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "192.175.48.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1", "100::1", "100:0:0:1::1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1", "2a00::5efe:7f00:1", "2a00::200:5efe:7f00:1", "3fff::1", "5f00::1", "fe80::1", "fe80::1%eth0",
    "2606:4700::1%eth0", "fec0::1", "fd00:ec2::254", "ff02::1", "localhost", "", "127.1",
]  # fmt: skip

NETWORKS = {
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
    "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/96",
    "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/63", "2001::/23", "2001:db8::/32",
    "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/9", "ff00::/8",
}  # fmt: skip

ALLOWED = ["1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "2606:4700::1"]


@pytest.mark.parametrize("address", REFUSED)
def test_special_addresses_are_refused_in_every_form(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize("network", addresses.REFUSED_NETWORKS, ids=str)
def test_each_network_of_the_list_is_needed_by_itself(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python calls global differs between its versions; the list must not lean on it."""
    monkeypatch.setattr(addresses, "_is_global", lambda _: True)
    assert not is_allowed(network[0])
    assert not is_allowed(network[-1])


def test_the_list_is_whole() -> None:
    assert {str(network) for network in addresses.REFUSED_NETWORKS} >= NETWORKS


@pytest.mark.parametrize("address", ALLOWED)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(address)


def test_an_address_of_this_machine_is_refused_even_if_it_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {str(address) for address in own_addresses()} >= {"127.0.0.1"}
    monkeypatch.setattr(addresses, "own_addresses", lambda: {ip_address("93.184.215.14")})
    assert not is_allowed("93.184.215.14")
