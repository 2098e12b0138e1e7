"""A trap on this machine that nothing may walk into, and names without a network.

The fixtures of the trap are in tests/conftest.py, the others in that of this folder.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
import urllib3.util.connection

# The ports that a download may ask of a public host, one of services inside, and any free one.
PORTS = (80, 443, 6379, 0)


class Trap:
    """Listens where a download must never come, and keeps who came."""

    def __init__(self, ports: Sequence[int] = PORTS) -> None:
        self.caught: list[Any] = []
        self.places: list[tuple[str, int]] = []
        self._listeners: list[socket.socket] = []
        for host, port in ((host, port) for host in ("127.0.0.1", "::1") for port in ports):
            # Not everybody may listen on the low ports, and something else may do so already.
            with suppress(OSError):
                self._listen(host, port)

    def _listen(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Each xdist worker listens on the same ports; the kernel gives a connection to one of them.
        listener = socket.create_server((host, port), family=family, reuse_port=True)
        self._listeners.append(listener)
        self.places.append((host, listener.getsockname()[1]))
        threading.Thread(target=self._accept, args=[listener], daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.caught.append(listener.getsockname()[:2])
                connection.close()

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@pytest.fixture(scope="session")
def trap() -> Iterator[Trap]:
    """The trap itself; at the end of all tests nobody must have been in it."""
    trap = Trap()
    assert trap.places
    yield trap
    trap.close()
    assert trap.caught == []


@pytest.fixture(autouse=True)
def nobody_is_trapped(trap: Trap) -> Iterator[None]:
    """Fail the very test that connects to the trap."""
    before = len(trap.caught)
    yield
    assert trap.caught[before:] == []


class FakeNames:
    """Answers look-ups from a table, the last answer for ever; numbers as the C library reads them."""

    def __init__(self) -> None:
        self.table: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        answers = self.table.get(host) or [[_as_number(host)]]
        addresses = answers[min(self.asked.count(host), len(answers) - 1)]
        self.asked.append(host)
        return [(_family(address), socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _as_number(host: str) -> str:
    if ":" in host:
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> FakeNames:
    """Answers instead of name servers."""
    fake = FakeNames()
    monkeypatch.setattr(socket, "getaddrinfo", fake)
    return fake


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were to be connected to; none of them is."""
    addresses: list[str] = []

    def refuse(address: Any, *_: Any, **__: Any) -> socket.socket:
        addresses.append(address[0])
        raise OSError

    monkeypatch.setattr("urllib3.util.connection.create_connection", refuse)
    return addresses


@pytest.fixture
def public_web(names: FakeNames, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Hosts of the public web, and the ports of this machine where a test really serves them."""
    ports: dict[str, int] = {}
    addresses: dict[str, str] = {}
    connect = urllib3.util.connection.create_connection

    def look_up(host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        if host in ports:
            address = addresses.setdefault(host, f"93.184.215.{14 + len(addresses)}")
            names.table[host] = [[address]]
        return names(host, port, *arguments, **options)

    def dial(address: tuple[str, int], *arguments: Any, **options: Any) -> socket.socket:
        host = next(name for name, known in addresses.items() if known == address[0])
        return connect(("127.0.0.1", ports[host]), *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr("urllib3.util.connection.create_connection", dial)
    return ports
