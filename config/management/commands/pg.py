"""The embedded PostgreSQL by hand."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from argparse import REMAINDER, ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.postgres import ENGINE, binaries, server, users
from config.postgres.layout import Layout, PostgresFailure


class Command(BaseCommand):
    help = "Start, stop or look at the embedded PostgreSQL, or run a command that needs it."
    requires_system_checks: list[str] = []  # checks may need the database that is not there yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for name, text in {
            "start": "Start the server and leave it running.",
            "stop": "Stop the server, unless something uses it.",
            "status": "Say whether the server runs; exit 1 when it does not.",
        }.items():
            action = actions.add_parser(name, help=text, description=text)
            action.add_argument("--json", action="store_true")
            if name == "stop":
                action.add_argument("--force", action="store_true", help="Stop it under those who use it.")
        run = actions.add_parser("run", help="Run a command, then stop the server if nothing else uses it.")
        run.add_argument("command", nargs=REMAINDER, metavar="-- COMMAND")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        database = settings.DATABASES["default"]
        layout = database["LAYOUT"] if database["ENGINE"] == ENGINE else None
        if action == "run":
            words = options["command"]
            self._run(words[1:] if words[:1] == ["--"] else words, layout)
            return
        if layout is None:
            raise CommandError("DATABASE_URL names a PostgreSQL of your own; there is no embedded server to manage.")
        try:
            if action == "start":
                server.ensure_running(layout)
            elif action == "stop" and not self._stop(layout, is_forced=options["force"]):
                raise CommandError("The server is in use; stop what uses it first, or add --force.")
            is_running = self._report(layout, as_json=options["json"])
        except PostgresFailure as error:
            raise CommandError(str(error)) from error
        if action == "status" and not is_running:
            sys.exit(1)

    def _stop(self, layout: Layout, *, is_forced: bool) -> bool:
        if not is_forced:
            return users.stop_if_unused(layout)
        with server.locked(layout):
            server.stop(layout)
        return True

    def _report(self, layout: Layout, *, as_json: bool) -> bool:
        found = server.find(layout)
        state = {
            "running": found is not None,
            "ready": bool(found and found.is_ready),
            "pid": found.pid if found else None,
            "version": binaries.data_major(layout),
            "data": str(layout.data),
            "socket": str(layout.sockets),
            "log": str(layout.log),
        }
        if as_json:
            self.stdout.write(json.dumps(state))
        elif found:
            self.stdout.write(f"PostgreSQL {state['version']} runs (process {found.pid}); data in {layout.data}")
        else:
            self.stdout.write(f"PostgreSQL does not run; data in {layout.data}")
        return found is not None

    def _run(self, command: Sequence[str], layout: Layout | None) -> None:
        if not command:
            raise CommandError("Say what to run: manage.py pg run -- COMMAND")
        try:
            if layout is None:
                sys.exit(_run_child(command))
            with users.owning(layout):
                code = _run_child(command)
        except PostgresFailure as error:
            raise CommandError(str(error)) from error
        sys.exit(code)


def _run_child(command: Sequence[str]) -> int:
    """Run `command` and return its exit code as a shell would; it gets our SIGTERM, and Ctrl-C from the terminal."""
    try:
        child = subprocess.Popen(command)  # noqa: S603
    except OSError as error:
        raise CommandError(f"{command[0]} could not be started: {error.strerror}") from error
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        code = child.wait()
    finally:
        signal.signal(signal.SIGINT, previous[0])
        signal.signal(signal.SIGTERM, previous[1])
    return code if code >= 0 else 128 - code
