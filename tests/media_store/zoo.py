"""Hostile and odd pictures, made when they are needed: what nobody should be able to do harm with."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
SIGNATURES = (
    b"\xff\xd8\xff\xe0",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    b"RIFF\x00\x10\x00\x00WEBPVP8 ",
    b"GIF89a",
    b"\x00\x00\x00\x1cftypavif",
)


def picture(format: str = "PNG", *, size: tuple[int, int] = (320, 240), mode: str = "RGB", **options: Any) -> bytes:
    """Return a picture of slopes and grain."""
    slope = Image.linear_gradient("L").resize(size)
    grain = Image.effect_noise(size, 40)
    image = Image.merge("RGB", (slope, grain, slope.transpose(Image.Transpose.ROTATE_180))).convert(mode)
    output = io.BytesIO()
    image.save(output, format, **options)
    return output.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *, data: bytes = b"", before: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    """Return a PNG of these dimensions with this (compressed) data, whether they fit or not."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + before + chunk(b"IDAT", data or zlib.compress(bytes(1_000)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def with_png_chunk(extra: bytes) -> bytes:
    """Return a good PNG with one more chunk behind its header."""
    good = picture()
    return good[:33] + extra + good[33:]


def gif_of_frames(count: int) -> bytes:
    """Return an animation of the same frame again and again."""
    good = picture("GIF", size=(40, 40), mode="L")
    start = good.index(b",", 13 + 3 * 256)
    return good[:-1] + good[start:-1] * (count - 1) + b";"


def jpeg_with(marker: int, content: bytes) -> bytes:
    good = picture("JPEG")
    return good[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + good[2:]


def refused() -> dict[str, bytes]:
    """Return what must not become a picture."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.txt", "a")
    bomb = zlib.compress(bytes(100_000_000))
    good = picture()
    return {
        "html": b"<!doctype html><img src=x onerror=alert(1)>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
        "zip": archive.getvalue(),
        "gif and script": b"GIF89a/*" + bytes(40) + b"*/=1;alert(1)",
        "png of 20,000 x 20,000": png(20_000, 20_000),
        "png of 13,000 x 13,000": png(13_000, 13_000),
        "png of long lines": png(65_535, 1),
        "png of 2^31 lines": png(1, 2**31 - 1),
        "png without dimensions": png(0, 0),
        "png of less data than dimensions": png(2_000, 2_000, data=zlib.compress(bytes(2_000))),
        "png whose data is a bomb": png(400, 400, data=bomb, colour=99),
        "png with text that is a bomb": with_png_chunk(chunk(b"zTXt", b"Comment\x00\x00" + bomb)),
        "png with a broken checksum": good[:60] + bytes([good[60] ^ 1]) + good[61:],
        "png cut in its header": good[:20],
        "jpeg with nothing in it": b"\xff\xd8\xff\xd9",
        "jpeg cut in its middle": picture("JPEG")[:4_000],
        "webp with a lying length": b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(20),
        "webp of 16,383 x 16,383": b"RIFF\x1e\x00\x00\x00WEBPVP8L\x11\x00\x00\x00/\xfe\xff\xff\x0f" + bytes(12),
        "avif without pictures": b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf" + bytes(40),
        "gif without a frame": picture("GIF")[:13] + b";",
        "a strip": picture(size=(10_000, 1)),
    }


def accepted() -> dict[str, bytes]:
    """Return what is odd but a picture."""
    modes = ("L", "LA", "RGBA", "P", "1", "I;16")
    good = picture("JPEG")
    return {
        **{f"png of mode {mode}": _of_mode(mode) for mode in modes},
        "jpeg, progressive": picture("JPEG", progressive=True),
        "jpeg of CMYK": picture("JPEG", mode="CMYK"),
        "jpeg with script behind its end": good + b"<script>alert(1)</script>",
        "jpeg with an EXIF segment of noise": jpeg_with(0xE1, b"Exif\x00\x00" + random.Random(1).randbytes(60_000)),
        "jpeg with a profile of noise": jpeg_with(0xE2, b"ICC_PROFILE\x00\x01\x01" + random.Random(2).randbytes(9_000)),
        "png with 5 MB of EXIF": with_png_chunk(chunk(b"eXIf", b"MM\x00*" + bytes(5_000_000))),
        "gif of 10,000 frames": gif_of_frames(10_000),
        "webp of many frames": picture("WEBP", save_all=True, append_images=_frames(60)),
        "png of many frames": picture("PNG", save_all=True, append_images=_frames(60)),
        "avif of many frames": picture("AVIF", save_all=True, append_images=_frames(4)),
        "webp without loss": picture("WEBP", lossless=True),
        "a tower": picture(size=(30, 500)),
        "two dots": picture(size=(2, 2)),
    }


def _of_mode(mode: str) -> bytes:
    if mode != "I;16":
        return picture(mode=mode)
    output = io.BytesIO()
    Image.linear_gradient("L").convert("I").point(lambda value: value * 257).convert("I;16").save(output, "PNG")
    return output.getvalue()


def _frames(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (320, 240), (number % 256, 9, 9)) for number in range(count)]


def mutated(format: str, *, count: int, seed: int) -> Iterator[bytes]:
    """Give that many damaged copies of a picture: bits turned, pieces cut out, doubled, moved or replaced."""
    chance = random.Random(f"{format} {seed}")
    good = picture(format, size=(96, 64))
    for _ in range(count):
        content = bytearray(good)
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            _damage(content, chance)
        yield bytes(content)


def _damage(content: bytearray, chance: random.Random) -> None:
    # Headers steer decoders, so half of all damage is done there.
    place = chance.randrange(min(len(content), 200) if chance.random() < 0.5 else len(content)) if content else 0
    length = chance.randrange(1, 64)
    match chance.randrange(6):
        case 0:
            content[place : place + 1] = bytes([content[place] ^ 1 << chance.randrange(8)]) if content else b""
        case 1:
            content[place : place + 4] = chance.choice((b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff"))
        case 2:
            del content[place : place + length]
        case 3:
            content[place:place] = content[place : place + length]
        case 4:
            content[place : place + length] = chance.randbytes(length)
        case _:
            del content[max(place, 8) :]
