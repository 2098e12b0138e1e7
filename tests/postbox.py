"""The other side of notices, on real sockets: a mail server that keeps what it is sent, and a webhook's address."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Postbox:
    """Where the mail server listens and what came; `replies` are given, one each, instead of taking a recipient."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)


@contextmanager
def mail_server() -> Iterator[Postbox]:
    """Speak as much SMTP (RFC 5321) as smtplib needs."""
    box = Postbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 postbox")
            while line := self.rfile.readline().decode().strip():
                verb, _, argument = line.partition(" ")
                if verb.upper() == "QUIT":
                    return self.say("221 bye")
                self.answer(verb.upper(), argument)
            return None

        def answer(self, verb: str, argument: str) -> None:
            if verb == "RCPT":
                if box.replies:
                    return self.say(box.replies.pop(0))
                box.recipients.append(argument)
            if verb == "DATA":
                self.say("354 go on")
                self.take()
            return self.say("250 ok")

        def take(self) -> None:
            lines = iter(self.rfile.readline, b".\r\n")
            content = b"".join(line.removeprefix(b".") if line.startswith(b"..") else line for line in lines)
            box.mails.append(message_from_bytes(content, policy=policy.default))

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with _running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        box.port = port
        yield box


@dataclass
class Hook:
    """A webhook's address and what was posted to it; `statuses` are answered, one each, instead of 200."""

    url: str = ""
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def payloads(self) -> list[Any]:
        return [json.loads(content) for _, content in self.posts]


@contextmanager
def webhook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posts.append(({name.lower(): value for name, value in self.headers.items()}, content))
            self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        hook.url = f"http://127.0.0.1:{port}/services/T0/B0/very-secret"
        yield hook


@contextmanager
def _running(server: socketserver.TCPServer) -> Iterator[int]:
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
