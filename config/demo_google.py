"""One Google import for the demo: a stand-in for Google runs beside it; sign-in, import and photos are the real ones.

The stand-in is a tool of the tests (`python -m tests.providers google`); where those are not installed it is left out.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.utils import timezone

from config.jobs.claiming import claim
from config.jobs.draining import Budget, drain
from imports.accounts.disconnecting import disconnect
from imports.accounts.importing import start_import
from imports.accounts.providers import GOOGLE
from imports.accounts.signing_in import Intent, begin, finish
from imports.accounts.transport import guard
from imports.models import ImportJob, ProviderAccount
from imports.running import run_import_jobs

PORT = 8766
HOST = f"127.0.0.1:{PORT}"
PEOPLE = 6
FIRST = -1
LINE = re.compile(r"([A-Z_]+)=(.*)")


def is_done(owner: User) -> bool:
    """Say whether an earlier run has connected the account."""
    return ProviderAccount.objects.filter(owner=owner, provider=GOOGLE.name).exists()


@contextmanager
def standing_in() -> Iterator[bool]:
    """Run the stand-in and let this process take it for Google until the block ends; give whether it runs."""
    command = [sys.executable, "-m", "tests.providers", "google", f"--contacts={PEOPLE}", f"--port={PORT}"]
    with subprocess.Popen(  # noqa: S603 (our own program)
        command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            told = _told(process)
            with _as_google(told):
                yield bool(told)
        finally:
            process.terminate()


def import_account(owner: User) -> ImportJob:
    """Sign in there as the person would, import everybody, and disconnect: the stand-in will not be there later."""
    account = _connected(owner)
    with transaction.atomic():
        job = start_import(account, has_preview=False)
        # Workers of a running `make serve` know only the real Google: this process takes the job before they see it.
        ImportJob.objects.filter(pk=job.pk).update(priority=FIRST)
        taken = claim(ImportJob, limit=1)
    run_import_jobs(taken, Budget.of(None))
    drain("imports", seconds=None, is_ringing=False)
    disconnect(account, now=timezone.now())
    job.refresh_from_db()
    return job


def _told(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return the settings that the stand-in prints once it stands; empty when it could not start."""
    told: dict[str, str] = {}
    for line in process.stdout or ():
        if match := LINE.fullmatch(line.strip()):
            told[match[1]] = match[2]
            if match[1] == "PHOTO_ALLOWED_HOSTS":
                break
    return told


@contextmanager
def _as_google(told: dict[str, str]) -> Iterator[None]:
    wanted: dict[str, Any] = {name: value for name, value in told.items() if name != "PHOTO_ALLOWED_HOSTS"}
    wanted["PHOTO_ALLOWED_HOSTS"] = [*settings.PHOTO_ALLOWED_HOSTS, *([HOST] if told else [])]
    before = {name: getattr(settings, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(settings, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)


def _connected(owner: User) -> ProviderAccount:
    """Go over the consent page, as a browser would."""
    session = SessionStore()
    page_address = begin(session, owner, GOOGLE, Intent(is_import=True), now=timezone.now())
    with guard(requests.Session(), seconds=10, max_bytes=1_000_000) as browser:
        browser.max_redirects = 1  # the way back is looked at, not gone: it is a page of ours
        page = browser.get(page_address).text
        asked = re.findall(r'name="(request|scope)" value="([^"]*)"', page)
        form = [*asked, ("account", re.findall(r"<option[^>]*>([^<]*)</option>", page)[0]), ("decision", "allow")]
        back = browser.post(f"http://{HOST}/consent", data=form, allow_redirects=False).headers["Location"]
    answer = dict(parse_qsl(urlsplit(back).query))
    return finish(session, owner, GOOGLE, answer, now=timezone.now()).account
