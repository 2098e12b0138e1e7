"""A server on a real socket whose every byte the test decides."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[socket.socket, bytes], None]


@dataclass
class Server:
    """Where it listens, and what was asked of it."""

    port: int
    requests: list[bytes] = field(default_factory=list)

    @property
    def pair(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/picture") -> str:
        return f"http://{self.pair}{path}"


@contextmanager
def serving(answer: Answer | bytes) -> Iterator[Server]:
    """Answer every request with these bytes, or by this function, and close the connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])

    def handle(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = connection.recv(65_536)
            server.requests.append(request)
            if isinstance(answer, bytes):
                connection.sendall(answer)
            else:
                answer(connection, request)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=handle, args=[connection], daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def reply(body: bytes = b"", *, status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole answer; header names with `_` for `-`, Content-Length added unless given."""
    fields = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def dripping(start: bytes, *, drop: bytes = b"x", seconds: float = 0.1) -> Answer:
    """Send `start`, then one drop at a time until the other side hangs up."""

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(start)
        while True:
            time.sleep(seconds)
            connection.sendall(drop)

    return answer
