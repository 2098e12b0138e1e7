"""A sync of chats beside the same sync without the cache of pictures, and the pictures beside the photo pipeline.

A Beeper that stands in, with pictures of every kind, runs in a process of its own.

sync_ratio    a first sync that queues all pictures, of one that knows no pictures (target at most 1.1)
again_ratio   the same for a walk through everything when all pictures are cached
photo_ratio   chat pictures a second, of the same pictures as plain web addresses through the pipeline
lost          pictures without a file and without a verdict; must be 0
"""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import IO, Any, cast
from unittest.mock import patch

from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from bench.scratch import scratch_database
from config.jobs.draining import drain
from contacts.chats.coverage import counts_by_state
from contacts.models import Chat, Contact
from imports.models import ProviderAccount, SyncRun
from imports.sync import chats as syncing
from imports.sync.asking import ask, run_to_rest
from media_store.models import PhotoJob

PORT = 8813


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--chats", type=int, default=1_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=5)


def run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures named at the top of this file, the ratios as medians of the rounds."""
    with scratch_database(), stand_in(options["chats"]) as values, override_settings(**values):
        owner = User.objects.create_user("bench", is_staff=True)
        first, again, photos = [], [], []
        sync(owner)
        for place in range(options["rounds"]):
            ours, ours_again, rate = cached_round(owner)
            bare, bare_again = plain_round(owner)
            first.append(ours / bare)
            again.append(ours_again / bare_again)
            photos.append((rate, web_rate(owner, values["BEEPER_BASE_URL"], place)))
        cached_round(owner)
        return {
            "chats": options["chats"],
            "sync_ratio": round(median(first), 3),
            "again_ratio": round(median(again), 3),
            "photos_per_second": round(median(rate for rate, _ in photos), 1),
            "photo_ratio": round(median(rate / web for rate, web in photos), 3),
            "lost": PhotoJob.objects.exclude(state="failed", verdict__gt="").filter(file="").count(),
            **counts_by_state(Chat.objects.all()),
            "verdicts": dict(Counter(PhotoJob.objects.values_list("verdict", flat=True))),
        }


def cached_round(owner: User) -> tuple[float, float, float]:
    """Return the seconds of a first sync, of a walk through everything after caching, and pictures a second."""
    forget()
    first = sync(owner)
    started_at = time.perf_counter()
    drain("photos", seconds=None, is_ringing=False)
    rate = PhotoJob.objects.count() / (time.perf_counter() - started_at)
    ProviderAccount.objects.update(cursors={})
    return first, sync(owner), rate


def plain_round(owner: User) -> tuple[float, float]:
    """Return the seconds of both syncs where nobody asks for pictures."""
    forget()
    with patch.object(syncing, "enqueue_pictures", lambda *_, **__: 0):
        first = sync(owner)
        ProviderAccount.objects.update(cursors={})
        return first, sync(owner)


def web_rate(owner: User, base_url: str, place: int) -> float:
    """Return pictures a second of as many web addresses of the same server through the pipeline."""
    number = Chat.objects.exclude(picture_url="").count()
    jobs = [PhotoJob(owner=owner, source_url=f"{base_url}/avatars/{at}-{place}.jpg") for at in range(number)]
    PhotoJob.objects.bulk_create(jobs)
    started_at = time.perf_counter()
    drain("photos", seconds=None, is_ringing=False)
    return number / (time.perf_counter() - started_at)


def sync(owner: User) -> float:
    """Sync to the end and return the seconds."""
    started_at = time.perf_counter()
    runs = ask(SyncRun.Kind.CHATS, now=timezone.now(), owner_id=owner.pk)
    run_to_rest(runs)
    seconds = time.perf_counter() - started_at
    if [run.state for run in runs] != [SyncRun.State.COMPLETED]:
        raise RuntimeError(f"The sync did not end: {runs[0].last_error}")
    return seconds


def forget() -> None:
    with connection.cursor() as cursor:
        tables = ", ".join(model._meta.db_table for model in (Chat, Contact, PhotoJob, SyncRun))
        cursor.execute(f"truncate {tables} cascade")
    ProviderAccount.objects.update(cursors={})


@contextmanager
def stand_in(chats: int) -> Iterator[dict[str, Any]]:
    """Run the stand-in; gives the settings that lead to it."""
    command = [sys.executable, "-m", "tests.providers", "beeper", "--chats", str(chats), "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = cast("IO[str]", process.stdout)
            lines.readline()
            values: dict[str, Any] = dict(lines.readline().strip().split("=", 1) for _ in range(5))
            values["PHOTO_ALLOWED_HOSTS"] = [values["PHOTO_ALLOWED_HOSTS"]]
            yield {**values, "CHAT_WINDOW_DAYS": 3_650}
        finally:
            process.terminate()
