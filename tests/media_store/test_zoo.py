"""No picture harms the decoder: refused or made small, within its memory and time, and never the end of the parent."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from media_store.processing import ImageRefused
from media_store.sandbox import Sandbox
from tests.media_store import zoo

pytestmark = pytest.mark.processes

REFUSED = zoo.refused()
ACCEPTED = zoo.accepted()
MEMORY_KB = 512 * 1024
DEADLINE = 15.0

# What makes the decoder work most, or the encoder least.
FAST: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 1},
    "AVIF": {"speed": 10},
    "JPEG": {"progressive": True},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One child for all, so that what a picture leaves behind is seen."""
    pool = Sandbox(size=1, seconds=DEADLINE)
    yield pool
    pool.close()


def outcome(sandbox: Sandbox, content: bytes, *, is_upload: bool = False) -> str:
    """Return the verdict on this picture, "ok" for a good one; fails when anything but the picture suffers."""
    before = time.monotonic()
    try:
        webp = sandbox.optimized_webp(content) if is_upload else sandbox.square_webp(content)
        assert_clean(webp, is_square=not is_upload)
        verdict = "ok"
    except ImageRefused as refusal:
        verdict = refusal.verdict
    assert time.monotonic() - before < DEADLINE + 2
    assert peak_memory(sandbox) < MEMORY_KB
    return verdict


def assert_clean(webp: bytes, *, is_square: bool = True) -> None:
    assert not any(mark in webp for mark in (b"EXIF", b"ICCP", b"XMP ", b"VP8X", b"ANIM"))
    assert len(webp) < (200_000 if is_square else 512_000)
    image = Image.open(io.BytesIO(webp), formats=["WEBP"])
    assert image.mode == "RGB"
    assert image.size == (400, 400) if is_square else max(image.size) <= 1_024
    image.load()


def peak_memory(sandbox: Sandbox) -> int:
    """Return the most memory that the child has ever had, in kB; 0 when it was ended."""
    child = sandbox._idle.get()
    sandbox._idle.put(child)
    if child is None:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child.pid}/status").read_text())
    assert found
    return int(found[1])


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_hostile_is_refused(name: str, sandbox: Sandbox) -> None:
    assert outcome(sandbox, REFUSED[name]) in ("not_an_image", "too_large")


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_only_odd_is_a_picture(name: str, sandbox: Sandbox) -> None:
    assert outcome(sandbox, ACCEPTED[name]) == "ok"


@pytest.mark.parametrize("format", ["PNG", "AVIF", "JPEG"])
def test_the_largest_picture_stays_within_its_memory(format: str, sandbox: Sandbox) -> None:
    """The most pixels that are let in, of the most costly kind of each format."""
    size = (7_000, 7_000) if format == "JPEG" else (5_000, 5_000)
    image = Image.linear_gradient("L").resize(size).convert("RGBA" if format == "PNG" else "RGB")
    content = io.BytesIO()
    image.save(content, format, **FAST[format])
    assert outcome(sandbox, content.getvalue()) in ("ok", "too_large")


@pytest.mark.parametrize("format", zoo.FORMATS)
def test_damaged_bytes_cost_only_their_picture(format: str, sandbox: Sandbox) -> None:
    verdicts = {outcome(sandbox, content) for content in zoo.mutated(format, count=40, seed=1)}
    assert verdicts <= {"ok", "not_an_image", "too_large", "placeholder"}
    assert "not_an_image" in verdicts
