"""The whole of Kith in one command."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from config.postgres import ENGINE, users
from config.postgres.layout import PostgresFailure
from config.serving import run_together


class Command(BaseCommand):
    help = "Bring the database up to date, then run the web server and the guarded workers until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default=_default_bind(), metavar="HOST:PORT")
        parser.add_argument("--grace", type=float, default=70.0, metavar="SECONDS", help="to stop in before a kill")

    def handle(self, *args: Any, bind: str, grace: float, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with _database():
                self._prepare()
                self._greet()
                connections.close_all()
                code = run_together(_programs(bind), say=self._say, grace=grace)
                connections.close_all()
        except PostgresFailure as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:  # before there was anything to stop
            code = 0
        self._say("Stopped.")
        sys.exit(code)

    def _prepare(self) -> None:
        call_command("migrate", verbosity=0)
        call_command("setup_schedules", stdout=self.stdout)
        if not settings.DEBUG:
            _collect_static()

    def _greet(self) -> None:
        self._say(f"Kith is at {settings.BASE_URL}/admin/ - Ctrl-C stops it.")
        if not User.objects.filter(is_superuser=True, is_active=True).exists():
            self._say("There is no user yet. In another terminal: .venv/bin/python manage.py createsuperuser")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _collect_static() -> None:
    """Collect and compress the static files if any has changed since: compressing all takes half a minute."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            file = Path(storage.path(name)).stat()
            digest.update(f"{name} {file.st_size} {file.st_mtime_ns}\n".encode())
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if stamp.is_file() and stamp.read_text() == digest.hexdigest():
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(digest.hexdigest())


def _programs(bind: str) -> dict[str, list[str]]:
    manage = str(settings.BASE_DIR / "manage.py")
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", "--bind", bind]
    return {
        "web": [*gunicorn, "--chdir", str(settings.BASE_DIR), "config.wsgi:application"],
        "workers": [sys.executable, manage, "qguard"],
    }


def _default_bind() -> str:
    """Return this machine and BASE_URL's port; behind https another program has that port, and forwards to 8000."""
    parts = urlsplit(settings.BASE_URL)
    return "127.0.0.1:8000" if parts.scheme == "https" else f"127.0.0.1:{parts.port or 80}"


@contextlib.contextmanager
def _database() -> Iterator[None]:
    """Run the embedded server as long as everything else, if there is one."""
    database = settings.DATABASES["default"]
    if database["ENGINE"] != ENGINE:
        yield
        return
    with users.owning(database["LAYOUT"]):
        yield
