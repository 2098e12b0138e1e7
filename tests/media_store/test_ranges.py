"""Ranges of a film, from a file on disk and from the database alike."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client, RequestFactory
from django.utils.http import http_date

from media_store.models import BLOB_LIMIT, StoredFile, SupportVideo
from media_store.videos import video_response
from tests.factories import make_user
from tests.media_store.asking import leave, signed_in
from tests.media_store.films import mp4

pytestmark = pytest.mark.django_db

MANY = "9" * 40


@pytest.fixture
def client() -> Client:
    return signed_in(make_user("root", is_superuser=True))


def make_video(content: bytes) -> SupportVideo:
    return SupportVideo.objects.create(title="Film", file=ContentFile(content, name="film.mp4"))


@pytest.fixture(params=["database", "files"])
def content(request: pytest.FixtureRequest) -> bytes:
    return mp4(padding=900 if request.param == "database" else BLOB_LIMIT) + os.urandom(97)


@pytest.fixture
def video(content: bytes) -> SupportVideo:
    video = make_video(content)
    assert (StoredFile.objects.get().blob is None) == (len(content) >= BLOB_LIMIT)
    return video


WHOLE = (200, 0, 0)
NONE = (416, 0, 0)

# (Range, status, start, end): a negative place counts from the end, as in a slice; `end` is excluded, 0 is the end.
CASES = [
    ("bytes=0-0", (206, 0, 1)),
    ("bytes=0-99", (206, 0, 100)),
    ("bytes=10-19", (206, 10, 20)),
    ("bytes=5-5", (206, 5, 6)),
    ("bytes=0-", (206, 0, 0)),
    ("bytes=100-", (206, 100, 0)),
    ("bytes=-1", (206, -1, 0)),
    ("bytes=-50", (206, -50, 0)),
    (f"bytes=-{'9' * 18}", (206, 0, 0)),
    (f"bytes=0-{'9' * 18}", (206, 0, 0)),
    ("bytes=007-009", (206, 7, 10)),
    ("BYTES=1-2", (206, 1, 3)),
    ("bytes= 1-2 ", (206, 1, 3)),
    ("bytes=-0", NONE),
    (f"bytes={'9' * 18}-", NONE),
    (f"bytes={'9' * 17}-{'9' * 18}", NONE),
    ("", WHOLE),
    ("bytes=", WHOLE),
    ("bytes=-", WHOLE),
    ("bytes=9-5", WHOLE),
    ("bytes=a-b", WHOLE),
    ("bytes=0x1-0x5", WHOLE),
    ("bytes=\u0661-\u0665".encode().decode("latin-1"), WHOLE),
    ("items=0-5", WHOLE),
    ("bytes=0-4,10-14", WHOLE),
    ("bytes=0-1,1-2,2-3,-4", WHOLE),
    (f"bytes={MANY}-", WHOLE),
    ("bytes 0-5", WHOLE),
    ("bytes=-5-", WHOLE),
    ("bytes=0-5; x", WHOLE),
]


@pytest.mark.parametrize(("asked", "expected"), CASES, ids=[repr(asked) for asked, _ in CASES])
def test_a_range_is_answered(
    asked: str, expected: tuple[int, int, int], video: SupportVideo, content: bytes, client: Client
) -> None:
    status, start, end = expected
    response = client.get(video.file.url, headers={"Range": asked})
    body = b"".join(response) if response.streaming else response.content
    assert response.status_code == status
    assert response["Accept-Ranges"] == "bytes"
    if status == 416:
        assert (body, response["Content-Range"]) == (b"", f"bytes */{len(content)}")
        return
    wanted = content[start : end or None]
    assert body == wanted
    assert response["Content-Length"] == str(len(wanted))
    first = start % len(content)
    content_range = f"bytes {first}-{first + len(wanted) - 1}/{len(content)}" if status == 206 else None
    assert response.headers.get("Content-Range") == content_range


def test_the_first_byte_behind_the_end_is_not_there(video: SupportVideo, content: bytes, client: Client) -> None:
    size = len(content)
    assert client.get(video.file.url, headers={"Range": f"bytes={size}-"}).status_code == 416
    last = client.get(video.file.url, headers={"Range": f"bytes={size - 1}-"})
    assert b"".join(last) == content[-1:]


def if_range_cases(stored: StoredFile) -> Iterator[tuple[str, int]]:
    at = int(stored.created_at.timestamp())
    yield f'"{stored.sha256}"', 206
    yield f'W/"{stored.sha256}"', 200
    yield '"other"', 200
    yield stored.sha256, 200
    yield http_date(at), 206
    yield http_date(at - 1), 200
    yield http_date(at + 1), 200
    yield "yesterday", 200
    yield "", 206


def test_a_film_that_has_changed_is_sent_whole(video: SupportVideo, content: bytes, client: Client) -> None:
    for if_range, status in if_range_cases(StoredFile.objects.get()):
        response = client.get(video.file.url, headers={"Range": "bytes=1-2", "If-Range": if_range})
        assert response.status_code == status, if_range
        assert b"".join(response) == (content[1:3] if status == 206 else content)
        beyond = client.get(video.file.url, headers={"Range": f"bytes={'9' * 18}-", "If-Range": if_range})
        assert beyond.status_code == (416 if status == 206 else 200)
        leave(beyond)


def test_head_knows_no_ranges(video: SupportVideo, content: bytes, client: Client) -> None:
    for asked in ("bytes=0-4", f"bytes={'9' * 18}-", ""):
        response = client.head(video.file.url, headers={"Range": asked})
        assert (response.status_code, response["Content-Length"]) == (200, str(len(content)))
        assert response.content == b""


def test_whoever_holds_the_film_gets_no_range_of_it(video: SupportVideo, client: Client) -> None:
    etag = f'"{StoredFile.objects.get().sha256}"'
    response = client.get(video.file.url, headers={"Range": "bytes=0-4", "If-None-Match": etag})
    assert response.status_code == 304


@pytest.fixture
def sparse(db: None) -> SupportVideo:
    """A film of two gigabytes, nearly all of it holes."""
    video = make_video(mp4(padding=BLOB_LIMIT))
    size = 2 * 1024**3 + 7
    path = Path(settings.MEDIA_DIR) / str(video.file.name)
    with path.open("r+b") as file:
        file.truncate(size)
        file.seek(size - 3)
        file.write(b"end")
    StoredFile.objects.update(size=size)
    return video


def test_two_gigabytes_are_streamed_in_flat_memory(sparse: SupportVideo, client: Client) -> None:
    process = psutil.Process()
    leave(client.get(sparse.file.url, headers={"Range": "bytes=0-9"}))
    tracemalloc.start()
    before = process.memory_info().rss
    peak_rss = 0
    sent = 0
    response = client.get(sparse.file.url)
    for number, piece in enumerate(response):
        sent += len(piece)
        if number % 1000 == 0:
            peak_rss = max(peak_rss, process.memory_info().rss)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent == 2 * 1024**3 + 7
    assert peak < 20_000_000
    assert peak_rss - before < 20_000_000


def test_the_end_of_two_gigabytes_is_sent_alone(sparse: SupportVideo, client: Client) -> None:
    response = client.get(sparse.file.url, headers={"Range": "bytes=2147483650-"})
    assert response["Content-Range"] == "bytes 2147483650-2147483654/2147483655"
    assert b"".join(response) == b"\x00\x00end"


def test_a_client_that_leaves_lets_go_of_the_file(sparse: SupportVideo) -> None:
    before = psutil.Process().num_fds()
    for number_of_pieces in (0, 1):
        request = RequestFactory().get("/")
        response: Any = video_response(request, name=str(sparse.file.name), content_type="video/mp4")
        assert psutil.Process().num_fds() == before + 1
        for _ in range(number_of_pieces):
            next(iter(response))
        leave(response)
        assert psutil.Process().num_fds() == before


def test_lost_bytes_are_not_found(video: SupportVideo, content: bytes, client: Client) -> None:
    if len(content) >= BLOB_LIMIT:
        (Path(settings.MEDIA_DIR) / str(video.file.name)).unlink()
    else:
        default_storage.delete(str(video.file.name))
    assert client.get(video.file.url).status_code == 404
