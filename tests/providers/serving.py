"""The server beneath each stand-in: routes, scripted faults, latency, a log, and a check of every answer."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote

from tests.providers.exchange import Answer, Request

if TYPE_CHECKING:
    from tests.providers.faults import Fault

LOG_LENGTH = 100_000


class Route(NamedTuple):
    """`pattern` matches the whole decoded path; its named groups are passed to the method `answer_<name>`."""

    name: str
    method: str
    pattern: str


class StandIn:
    """A provider on 127.0.0.1. `latency` is in seconds; `checked` holds every answer against its schema.

    `busy_seconds` is the time spent on making answers, without latency and checks: what a client's speed compares to.
    """

    ROUTES: tuple[Route, ...] = ()

    def __init__(self, *, port: int = 0, latency: float = 0.0, checked: bool = True) -> None:
        self.latency = latency
        self.checked = checked
        self.requests: deque[Request] = deque(maxlen=LOG_LENGTH)
        self.violations: list[str] = []
        self.busy_seconds = 0.0
        self._faults: dict[str, deque[Fault]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._patterns = [(route, re.compile(route.pattern)) for route in self.ROUTES]
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def settings(self) -> dict[str, str]:
        """Return the settings, by name, that make the application talk to this stand-in."""
        raise NotImplementedError

    def refusal(self, status: int, reason: str, message: str, *, retry_after: float | None = None) -> Answer:
        """Return an error as this provider words it."""
        raise NotImplementedError

    def check(self, answer: Answer) -> None:
        """Raise ValueError when `answer` does not fit the schema that it names."""
        raise NotImplementedError

    def fault(self, route: str, *faults: Fault) -> None:
        """Spoil the next requests to `route`, one fault each, in this order."""
        if route not in {known.name for known in self.ROUTES}:
            raise LookupError(f"{type(self).__name__} has no route {route}.")
        with self._lock:
            self._faults.setdefault(route, deque()).extend(faults)

    def count(self, route: str) -> int:
        """Return how many requests came to `route`, those inside a batch as well."""
        return sum(request.route == route for request in tuple(self.requests))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the stand-in."""
        self._stopping.wait(seconds)

    def take(self, request: Request) -> Answer:
        """Return the answer to a request from the network, after the latency."""
        self.wait(self.latency)
        started = time.perf_counter()
        answer = self.respond(request)
        answer.body = answer.content()
        self._spend(time.perf_counter() - started)
        return answer

    def turn_away(self, request: Request, answer: Answer) -> Answer:
        """Log the request and return `answer`, whatever was asked."""
        self.requests.append(request)
        route, _ = self._find(request)
        request.route, request.status = route.name if route else "", answer.status
        return answer

    def respond(self, request: Request) -> Answer:
        """Log the request and return its answer, spoiled when a fault is due."""
        self.requests.append(request)
        route, arguments = self._find(request)
        if route is None:
            answer = self.refusal(404, "NOT_FOUND", f"There is no {request.method} {request.path} here.")
        else:
            request.route = route.name
            answer = self._spoiled(request, lambda: self._usual(route, request, arguments))
        request.status = answer.status
        if self.checked and answer.shape:
            self._hold_to_schema(request, answer)
        return answer

    def _usual(self, route: Route, request: Request, arguments: dict[str, str]) -> Answer:
        answer: Answer = getattr(self, f"answer_{route.name}")(request, **arguments)
        return answer

    def _spoiled(self, request: Request, usual: Callable[[], Answer]) -> Answer:
        with self._lock:
            waiting = self._faults.get(request.route)
            due = waiting[0] if waiting and waiting[0].applies(request) else None
            if due and waiting and not due.stays:
                waiting.popleft()
        return due.spoil(self, request, usual) if due else usual()

    def _find(self, request: Request) -> tuple[Route | None, dict[str, str]]:
        for route, pattern in self._patterns:
            match = pattern.fullmatch(request.path) if request.method in (route.method, "HEAD") else None
            if match:
                return route, match.groupdict()
        return None, {}

    def _hold_to_schema(self, request: Request, answer: Answer) -> None:
        started = time.perf_counter()
        try:
            self.check(answer)
        except ValueError as error:
            self.violations.append(f"{request.method} {request.path}: {error}")
        self._spend(started - time.perf_counter())

    def _spend(self, seconds: float) -> None:
        with self._lock:
            self.busy_seconds += seconds


Stand = TypeVar("Stand", bound=StandIn)


@contextmanager
def standing(stand_in: Stand) -> Iterator[Stand]:
    """Run `stand_in` for the block; AssertionError at its end when an answer broke the provider's schema."""
    stand_in.start()
    try:
        yield stand_in
    finally:
        stand_in.stop()
    assert not stand_in.violations, "\n".join(stand_in.violations[:5])


class _Server(ThreadingHTTPServer):
    """Threads that end with the server: at the end, connections that clients keep open are closed from this side."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, stand_in: StandIn, port: int) -> None:
        self.stand_in = stand_in
        self._open: set[Any] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in tuple(self._open):
            _hang_up(connection)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            self.stand_in.violations.append(f"The stand-in itself failed: {error!r}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, unquote(path), query, self.headers, body, time.time())
        answer = self.server.stand_in.take(request)
        self._send(answer, answer.content())

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815 (http.server looks them up so)

    def _send(self, answer: Answer, content: bytes) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD" or answer.status in (204, 304):
            return
        if answer.drip:
            self._drip(content, answer.drip)
        else:
            self.wfile.write(content if answer.cut_after is None else content[: answer.cut_after])
        if answer.cut_after is not None:
            self.wfile.flush()
            self.close_connection = True

    def _drip(self, content: bytes, pause: float) -> None:
        for start in range(0, len(content), 16):
            if self.server.stand_in._stopping.wait(pause):
                self.close_connection = True
                return
            self.wfile.write(content[start : start + 16])
            self.wfile.flush()

    def version_string(self) -> str:
        return "stand-in"

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the requests are kept for whoever asks."""


def _hang_up(connection: Any) -> None:
    try:
        connection.shutdown(2)
    except OSError:
        return  # the other side was faster
