"""The trap that all tests run with: does it listen, and does it notice?"""

from __future__ import annotations

import socket
import time

from tests.media_store.network import Trap


def test_it_listens_on_both_addresses_of_this_machine(trap: Trap) -> None:
    assert {host for host, _ in trap.places} == {"127.0.0.1", "::1"}


def test_it_keeps_who_came() -> None:
    trap = Trap(ports=[0])
    for place in trap.places:
        socket.create_connection(place, timeout=2).close()
    until = time.monotonic() + 2
    while len(trap.caught) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    trap.close()
    assert sorted(trap.caught) == sorted(trap.places)
    assert len(trap.caught) == 2
