"""Which network addresses a download may reach: the public internet and nothing else."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

import psutil

Address = IPv4Address | IPv6Address

# Our own list beside `is_global`, whose meaning has changed between versions of Python.
# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; holds the metadata address of one cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # the platform address of another cloud
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback and the IPv4-compatible form
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated (SIIT)
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/63",
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",  # link-local and the former site-local
        "ff00::/8",
    )
)

# The interface identifiers by which ISATAP carries an IPv4 address in any prefix (RFC 5214, 6.1).
ISATAP = (0x00005EFE, 0x02005EFE)


def is_allowed(address: str | Address) -> bool:
    """Return whether `address` is a public unicast address that is not our own; no name is resolved.

    Forms of IPv6 that carry an IPv4 address are refused whatever they carry.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and (ip.scope_id or (int(ip) >> 32) & 0xFFFFFFFF in ISATAP):
        return False
    if any(ip in network for network in REFUSED_NETWORKS):
        return False
    return _is_global(ip) and ip not in own_addresses()


def _is_global(ip: Address) -> bool:
    """Return what Python thinks of the address."""
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_link_local or ip.is_unspecified)


def own_addresses() -> set[Address]:
    """Return the addresses of this machine's interfaces, which may be public ones."""
    texts = (entry.address.partition("%")[0] for entries in psutil.net_if_addrs().values() for entry in entries)
    return {address for text in texts if (address := _parsed(text)) is not None}


def _parsed(text: str) -> Address | None:
    """Return the address, or None for what is not one: network cards are listed with their hardware addresses."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
