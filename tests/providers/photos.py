"""The pictures that the stand-ins serve: a few drawn faces, made unique for each person by a comment in the file."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageDraw

from samples.portraits import draw

FACES = 24
PIXEL = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b")


def portrait(key: str, *, size: int) -> bytes:
    """Return a JPEG of `size` pixels; the same bytes for the same key, others for any other key."""
    face = _face(sum(key.encode()) % FACES, max(16, min(size, 1024)))
    comment = key.encode()
    return face[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + face[2:]


@lru_cache(maxsize=64)
def placeholder(letter: str, *, size: int) -> bytes:
    """Return the PNG that a provider draws for people without a picture: a letter on a plain ground."""
    image = Image.new("RGB", (size, size), "#7b1fa2")
    ImageDraw.Draw(image).text((size / 2, size / 2), letter, fill="white", anchor="mm")
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@lru_cache(maxsize=4 * FACES)
def _face(number: int, size: int) -> bytes:
    return draw(f"Face {number}", size=size)
