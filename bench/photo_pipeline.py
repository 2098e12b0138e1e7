"""Photos a second through the whole pipeline: a local server that takes 50 ms to answer, download, sandbox, store.

photos_per_second  from the first claim to the last picture stored, by one worker
ratio              of what the sandbox alone, with as many children, does with the same photos from memory (target 0.75)
lost               photos without a stored picture at the end; must be 0
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.test import override_settings

from bench.photos import make_photos, originals
from bench.scratch import scratch_database
from config.jobs.draining import drain
from media_store.models import PhotoJob, StoredFile
from media_store.sandbox import Sandbox, sandbox

ROUNDS = 5


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--source", type=Path, metavar="DIR", help="JPEG photos to make the sizes of; else drawn ones")
    parser.add_argument("--count", type=int, default=10_000, metavar="N", help="photos to drain")


def run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures named at the top of this file."""
    with tempfile.TemporaryDirectory() as folder, scratch_database():
        photos = make_photos(Path(folder), originals(options.get("source")))
        photos = [photo for photo in photos if len(photo) <= settings.PHOTO_MAX_BYTES]
        for place, photo in enumerate(photos):
            (Path(folder) / f"{place}.jpg").write_bytes(photo)
        with picture_server(Path(folder)) as pair, override_settings(PHOTO_ALLOWED_HOSTS=[pair]):
            share = options["count"] // ROUNDS
            rounds = [(share / drain_photos(share, pair, len(photos)), sandbox_rate(photos)) for _ in range(ROUNDS)]
        stored = PhotoJob.objects.filter(state="completed", verdict="ok", file__in=StoredFile.objects.values("name"))
        return {
            "photos_per_second": round(median(rate for rate, _ in rounds), 1),
            "ratio": round(median(rate / alone for rate, alone in rounds), 3),
            "sandbox_per_second": round(median(alone for _, alone in rounds), 1),
            "photos": share * ROUNDS,
            "lost": share * ROUNDS - stored.count(),
            "children": sandbox.size,
            "mean_source_bytes": round(sum(map(len, photos)) / len(photos)),
        }


def sandbox_rate(photos: Sequence[bytes]) -> float:
    """Return photos a second of the sandbox alone, all of its children busy, the photos in memory."""
    pool = Sandbox()
    many = [photo for photo in photos for _ in range(max(1, 200 // len(photos)))]
    with ThreadPoolExecutor(pool.size + 1) as threads:
        list(threads.map(pool.square_webp, photos[: pool.size * 2]))  # starts the children
        start = time.perf_counter()
        list(threads.map(pool.square_webp, many))
        seconds = time.perf_counter() - start
    pool.close()
    return len(many) / seconds


def drain_photos(count: int, pair: str, different: int) -> float:
    """Queue that many photos and return the seconds until none is left."""
    owner, _ = User.objects.get_or_create(username="bench")
    PhotoJob.objects.bulk_create(
        [PhotoJob(owner=owner, source_url=f"http://{pair}/{place % different}.jpg?{place}") for place in range(count)],
        batch_size=1_000,
    )
    start = time.perf_counter()
    drain("photos", seconds=None, is_ringing=False)
    return time.perf_counter() - start


@contextmanager
def picture_server(folder: Path) -> Iterator[str]:
    """Serve the folder's files from a process of its own, each 50 ms after it was asked for; gives its host:port."""
    command = [sys.executable, "-m", "bench.picture_server", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield cast("IO[str]", process.stdout).readline().strip()
        finally:
            process.kill()
