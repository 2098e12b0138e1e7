"""Type and duration of a film, by what its container says; a container may say anything."""

from __future__ import annotations

import io
import random
import struct
from datetime import timedelta

import pytest

from media_store.containers import Container, read_container, sniff
from tests.factories import draw_image
from tests.media_store.films import box, element, ftyp, mp4, mvhd, webm, wide_box

LENGTH = timedelta(seconds=12.345)
SEGMENT, INFO = 0x18538067, 0x1549A966


def read(content: bytes) -> Container | None:
    return read_container(io.BytesIO(content), size=len(content))


@pytest.mark.parametrize(
    "content",
    [
        mp4(),
        mp4(brand=b"mp42"),
        ftyp() + box(b"moov", mvhd(version=1)) + box(b"mdat", b"x"),
        ftyp() + box(b"free") + wide_box(b"mdat", b"x" * 30) + box(b"moov", box(b"udta") + mvhd()),
        ftyp() + box(b"moov", mvhd(duration=0) + box(b"mvex", box(b"mehd", struct.pack(">II", 0, 12_345)))),
        ftyp() + box(b"moov", mvhd(duration=0) + box(b"mvex", box(b"mehd", struct.pack(">IQ", 1 << 24, 12_345)))),
    ],
)
def test_the_duration_of_an_mp4_is_read_wherever_it_stands(content: bytes) -> None:
    assert read(content) == Container("video/mp4", LENGTH)


@pytest.mark.parametrize(
    "content",
    [
        webm(),
        webm(is_unknown=True),
        webm(info=element(0x4489, struct.pack(">f", 12_345.0))),
        webm(info=element(0x4489, struct.pack(">d", 12.345)) + element(0x2AD7B1, (10**9).to_bytes(4, "big"))),
    ],
)
def test_the_duration_of_a_webm_is_read_by_its_scale(content: bytes) -> None:
    assert read(content) == Container("video/webm", LENGTH)


@pytest.mark.parametrize(
    "content",
    [
        ftyp(),
        mp4(moov=b""),
        mp4(moov=box(b"moov")),
        mp4(moov=box(b"moov", mvhd(scale=0))),
        mp4(moov=box(b"moov", mvhd(duration=0))),
        mp4(moov=box(b"moov", mvhd(duration=2**32 - 1))),
        mp4(moov=box(b"moov", mvhd(version=1, duration=2**64 - 1))),
        mp4(moov=box(b"moov", mvhd(version=1, duration=2**63))),
        mp4(moov=box(b"moov", box(b"mvhd", b"\x00"))),
        mp4(moov=struct.pack(">I", 2**31) + b"moov" + mvhd()),
        mp4(moov=struct.pack(">I", 3) + b"moov" + mvhd()),
        webm(info=b""),
        webm(info=element(0x4489, b"\x01\x02\x03")),
        webm(info=element(0x4489, struct.pack(">d", float("nan")))),
        webm(info=element(0x4489, struct.pack(">d", float("inf")))),
        webm(info=element(0x4489, struct.pack(">d", -5.0))),
        webm()[:60],
    ],
)
def test_a_container_that_does_not_tell_is_a_film_without_a_duration(content: bytes) -> None:
    found = read(content)
    assert found is not None
    assert found.duration is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ftyp",
        draw_image("JPEG"),
        draw_image("AVIF"),
        draw_image("WEBP"),
        b"<html><script>alert(1)</script>",
        b"%PDF-1.7 " + bytes(100),
        mp4(brand=b"qt  "),
        mp4(brand=b"M4A "),
        mp4(brand=b"heic"),
        struct.pack(">I", 2**30) + b"ftypisom" + bytes(100),
        struct.pack(">I", 0) + b"ftypisom" + bytes(100),
        b"xx" + mp4(),
        webm(doctype=b"matroska"),
        webm(doctype=b"webm2"),
        webm(doctype=b""),
        element(0x1A45DFA3, b""),
        b"\x1a\x45\xdf\xa3\xff" + element(0x4282, b"webm"),
        b"RIFF\x00\x00\x00\x00AVI LIST",
    ],
)
def test_anything_else_is_no_film(content: bytes) -> None:
    assert sniff(content) is None
    assert read(content) is None


def test_a_container_of_endless_parts_is_left_soon() -> None:
    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            return super().read(size)

    for content in (ftyp() + box(b"free") * 200_000 + mp4(), webm(info=element(0xEC, b"") * 200_000)):
        file = Counting(content)
        assert read_container(file, size=len(content)) is not None
        assert file.reads < 11_000


def test_boxes_inside_boxes_cannot_point_outside() -> None:
    bomb = box(b"moov", struct.pack(">I", 2**31) + b"mvhd" + bytes(100))
    assert read(ftyp() + bomb + box(b"mdat", mvhd())) == Container("video/mp4", None)


def test_no_damage_makes_it_raise() -> None:
    chance = random.Random(7)
    for whole in (mp4(), webm(), ftyp() + box(b"moov", mvhd(version=1) + box(b"mvex", box(b"mehd")))):
        for _ in range(1_500):
            damaged = bytearray(whole)
            for _ in range(chance.randrange(1, 6)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            read(bytes(damaged[: chance.randrange(len(damaged))]) if chance.random() < 0.3 else bytes(damaged))
