"""Uploaded pictures in, WebP for our pages out: pure functions of bytes, run only inside the sandbox.

Like `processing`, this file is loaded by the sandbox's child processes and imports neither Django nor the rest of ours.
"""

from __future__ import annotations

import io

from PIL import Image, ImageFile

from media_store.processing import ImageRefused, opened, plain_mode, square, to_srgb, upright

LONGEST_SIDE = 1024
QUALITIES = (85, 75, 60, 50, 40)
MAX_BYTES = 512_000
"""What is not smaller than this at the lowest quality is refused."""


def optimized_webp(content: bytes, *, is_square: bool = False, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the whole picture, its longest side at most 1024, or with `is_square` its middle at 400x400.

    WebP in sRGB, upright, on white, without metadata, at the best of the qualities with fewer than `max_bytes`; small
    pictures are not enlarged. Raises ImageRefused for what is not a complete JPEG, PNG, WebP, GIF or AVIF, or too
    large.
    """
    with opened(content) as image:
        small = upright(to_srgb(square(image) if is_square else _fitted(image), image.info.get("icc_profile")), image)
    for quality in QUALITIES:
        webp = _encoded(small, quality)
        if len(webp) < max_bytes:
            return webp
    raise ImageRefused("too_large", f"The picture has more than {max_bytes:,} bytes even at the lowest quality.")


def _fitted(image: ImageFile.ImageFile) -> Image.Image:
    """Decode and scale down in one step; the box is the same for both orientations."""
    scale = min(1.0, LONGEST_SIDE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if image.format == "JPEG":
        image.draft("RGB", size)
    image.load()
    plain = plain_mode(image)
    return plain.copy() if plain.size == size else plain.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _encoded(small: Image.Image, quality: int) -> bytes:
    output = io.BytesIO()
    small.save(output, "WEBP", quality=quality, method=4, exif=b"", icc_profile=None, xmp=b"")
    return output.getvalue()
