"""The guarded way out: one resolution, a connection to that very address, and an end that no server can put off."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool


class DeadlinePassed(Exception):
    """The time for the whole fetch is over."""


class Deadline:
    """A wall clock around one fetch: when it runs out, the sockets under it are shut down from another thread.

    Timeouts of a socket count anew from every byte, so a server that sends one byte a second never meets them.
    """

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for watched in self._sockets:
                watched.close()
            self._sockets.clear()

    @property
    def has_passed(self) -> bool:
        return time.monotonic() >= self._until

    def remaining(self, at_most: float) -> float:
        """Return the seconds left, `at_most` if there are more; raises DeadlinePassed when there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise DeadlinePassed
        return min(left, at_most)

    def watch(self, connected: socket.socket) -> None:
        """Shut this connection down at the deadline.

        By a duplicate, as TLS takes the original socket apart while it shakes hands; shutting down reaches both.
        """
        with self._lock:
            self._sockets.append(connected.dup())
        if self.has_passed:
            self._shut()

    def _shut(self) -> None:
        with self._lock:
            for watched in self._sockets:
                with suppress(OSError):
                    watched.shutdown(socket.SHUT_RDWR)


_unfiltered: Any = HTTPAdapter.build_connection_pool_key_attributes


class _WatchedConnection(HTTPConnection):
    def __init__(self, *args: Any, deadline: Deadline, **kwargs: Any) -> None:
        self._deadline = deadline
        super().__init__(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        connected: socket.socket = super()._new_conn()
        self._deadline.watch(connected)
        return connected


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    pass


class PinnedAdapter(IPFilterAdapter):
    """Connects to `address`, already resolved and checked, whatever host the request names.

    Host header, SNI and certificate check keep the name. requests-hardened checks the address once more, except where
    `is_named`: a host:port pair of one's own network that the settings allow.
    """

    def __init__(self, address: str, *, is_named: bool, deadline: Deadline, is_https: bool) -> None:
        self._address = f"[{address}]" if ":" in address else address
        self._is_named = is_named
        self._deadline = deadline
        super().__init__(is_https_proto=is_https)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        pool_kwargs: dict[str, Any]
        name = urlsplit(request.url or "").hostname
        pinned = self._pinned(request)
        if self._is_named:
            host_params, pool_kwargs = _unfiltered(self, pinned, verify, cert)
        else:
            host_params, pool_kwargs = super().build_connection_pool_key_attributes(pinned, verify, cert)
        if self._is_https_proto:
            pool_kwargs.update({"assert_hostname": name, "server_hostname": name})
        return host_params, pool_kwargs

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool: HTTPConnectionPool = super().get_connection_with_tls_context(*args, **kwargs)
        connection_class = _WatchedTLSConnection if self._is_https_proto else _WatchedConnection
        pool.ConnectionCls = partial(connection_class, deadline=self._deadline)  # type: ignore[assignment]
        return pool

    def _pinned(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        parts = urlsplit(request.url or "")
        netloc = self._address if parts.port is None else f"{self._address}:{parts.port}"
        pinned = request.copy()
        pinned.url = urlunsplit(parts._replace(netloc=netloc))
        return pinned


def resolve(host: str, port: int, *, seconds: float) -> list[str]:
    """Return all addresses of `host` by one lookup; raises OSError when it has none, TimeoutError after `seconds`.

    A lookup cannot be interrupted, so it has a thread of its own, which is left behind when it takes too long.
    """
    with suppress(ValueError):
        return [str(ip_address(host))]
    answers: SimpleQueue[list[Any] | OSError] = SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=look_up, name="name-lookup", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"No answer about {host} within {seconds:.0f} s.") from None
    if isinstance(answer, OSError):
        raise answer
    return [str(entry[4][0]) for entry in answer]
