"""Pictures a second from the database beside a view that serves the same bytes from the disk, by one gunicorn worker.

Both ask for the session, the user and the user's own contact; ours also chooses among the contact's pictures. One
client on one kept connection, alternating rounds, medians.

ratio       our pictures a second / those of the view with files (target 0.90)
ratio_304   answers "not modified" a second / whole pictures a second, both ours (target 1.00)
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from socket import create_connection, create_server
from statistics import median
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.core.files.storage import default_storage

from bench.photos import make_photos, originals
from bench.scratch import scratch_database
from bench.serving_urls import FOLDER
from contacts.models import Contact, ContactPicture
from media_store.models import PhotoJob
from media_store.processing import square_webp

CONTACTS = 100
START_SECONDS = 30.0


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--source", type=Path, metavar="DIR", help="JPEG photos to make the pictures of; else drawn ones"
    )
    parser.add_argument("--rounds", type=int, default=9, metavar="N")
    parser.add_argument("--requests", type=int, default=400, metavar="N", help="requests of each kind in a round")


def run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures named at the top of this file, and the three rates behind them."""
    with tempfile.TemporaryDirectory() as folder, scratch_database():
        pictures = make_pictures(options.get("source"))
        session, contacts = make_contacts(pictures, Path(folder))
        with gunicorn(Path(folder)) as port:
            client = Client(port, session)
            kinds = {
                "ours": [(f"/images/contacts/{pk}/avatar", "") for pk in contacts],
                "disk": [(f"/disk/{pk}", "") for pk in contacts],
                "not_modified": [(f"/images/contacts/{pk}/avatar", f'"{tag}"') for pk, tag in contacts.items()],
            }
            statuses = {"ours": 200, "disk": 200, "not_modified": 304}
            for kind, asked in kinds.items():
                client.rate(asked, count=CONTACTS, status=statuses[kind])
            rounds = [
                {kind: client.rate(kinds[kind], count=options["requests"], status=statuses[kind]) for kind in order}
                for order in orders(list(kinds), options["rounds"])
            ]
    return {
        "ratio": round(median(each["ours"] / each["disk"] for each in rounds), 3),
        "ratio_304": round(median(each["not_modified"] / each["ours"] for each in rounds), 3),
        **{f"{kind}_per_second": round(median(each[kind] for each in rounds), 1) for kind in kinds},
        "mean_bytes": round(sum(map(len, pictures)) / len(pictures)),
    }


def orders(kinds: list[str], rounds: int) -> Iterator[list[str]]:
    """Give the kinds for each round, each of them as often first as last."""
    for number in range(rounds):
        start = number % len(kinds)
        yield kinds[start:] + kinds[:start]


def make_pictures(source: Path | None) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return [square_webp(photo) for photo in make_photos(Path(folder), originals(source))]


def make_contacts(pictures: Sequence[bytes], folder: Path) -> tuple[str, dict[str, str]]:
    """Store a picture for each contact, here and as a file; return a session's key and the hash by contact."""
    user = get_user_model().objects.create_user("bench", is_staff=True)
    hashes: dict[str, str] = {}
    for number in range(CONTACTS):
        content = pictures[number % len(pictures)]
        contact = Contact.objects.create(owner=user, display_name=f"Contact {number}", sort_name=f"contact {number}")
        name, sha256 = f"o{user.pk}/photos/{number}.webp", hashlib.sha256(content).hexdigest()
        default_storage.store_many({name: content}, content_type="image/webp")  # type: ignore[attr-defined]
        job = PhotoJob.objects.create(owner=user, state="completed", verdict="ok", file=name, sha256=sha256)
        ContactPicture.objects.create(owner=user, contact=contact, source="google", photo_job=job)
        (folder / f"{contact.pk}.webp").write_bytes(content)
        hashes[str(contact.pk)] = sha256
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return session.session_key, hashes


@contextmanager
def gunicorn(folder: Path) -> Iterator[int]:
    """Run one worker with the threads of `manage.py serve` on a free port, and give the port."""
    with create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    command = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", "--workers", "1"]
    command += ["--max-requests", "0", "--bind", f"127.0.0.1:{port}", "config.wsgi:application"]
    variables = {"DJANGO_SETTINGS_MODULE": "bench.serving_settings", FOLDER: str(folder), "DEBUG": "false"}
    with subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_for(port)
            yield port
        finally:
            server.terminate()


def wait_for(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


class Client:
    """Asks on one connection, as the owner of the contacts."""

    def __init__(self, port: int, session: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)
        host = next((host for host in settings.ALLOWED_HOSTS if not host.startswith((".", "*"))), "localhost")
        self._headers = {"Host": host, "Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"}

    def rate(self, asked: Sequence[tuple[str, str]], *, count: int, status: int) -> float:
        """Return requests a second over `count` requests for these (path, ETag that is held)."""
        start = time.perf_counter()
        for number in range(count):
            path, etag = asked[number % len(asked)]
            self._connection.request(
                "GET", path, headers={**self._headers, **({"If-None-Match": etag} if etag else {})}
            )
            response = self._connection.getresponse()
            response.read()
            assert response.status == status, f"{path} answered {response.status}, not {status}"
        return count / (time.perf_counter() - start)
