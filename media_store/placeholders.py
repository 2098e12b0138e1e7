"""Recognise the grey head and shoulders that services show for people without a picture.

Like `processing`, this file is loaded by the sandbox's child processes and imports neither Django nor the rest of ours.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 9, 8
# Bits of 128 that may differ; photographs differ from these shapes in 20 to 40.
MAX_DISTANCE = 6
# Neighbours that differ by less count as equal: flat areas of lossy formats.
STEP = 6
# A drawing has few colours; a photograph of a head and shoulders before a wall has thousands.
MAX_COLOURS = 24
SHADES = 16

# The usual drawings: middle and radius of the head, top and half width of the shoulders, in shares of the side.
SHAPES = (
    (0.38, 0.16, 0.60, 0.30),
    (0.38, 0.19, 0.63, 0.36),
    (0.36, 0.17, 0.62, 0.42),
    (0.42, 0.21, 0.70, 0.40),
    (0.33, 0.17, 0.56, 0.34),
)


def is_silhouette(picture: Image.Image) -> bool:
    """Say whether the picture is a known shape of one shade on another, and not a photograph of somebody."""
    grey = picture.convert("L")
    colours = grey.reduce(8).point(lambda value: value // SHADES * SHADES).getcolors(MAX_COLOURS)
    if colours is None or sum(sorted(count for count, _ in colours)[-3:]) < 0.75 * (grey.width // 8) ** 2:
        return False
    found = fingerprint(grey)
    return any((found ^ known).bit_count() <= MAX_DISTANCE for known in _known())


def fingerprint(picture: Image.Image) -> int:
    """Return 128 bits: for each pair of neighbours in a row of a 9x8 picture whether it gets darker, or lighter."""
    small = picture.convert("L").resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    values = [[int(small.getpixel((x, y)) or 0) for x in range(WIDTH)] for y in range(HEIGHT)]  # type: ignore[arg-type]
    bits = 0
    for row in values:
        for left, right in pairwise(row):
            bits = bits << 2 | (left > right + STEP) << 1 | (right > left + STEP)
    return bits


@lru_cache(maxsize=1)
def _known() -> tuple[int, ...]:
    shades = ((160, 235), (235, 160))
    return tuple(fingerprint(drawn(shape, figure=a, ground=b)) for shape in SHAPES for a, b in shades)


def drawn(shape: tuple[float, float, float, float], *, figure: int, ground: int, side: int = 144) -> Image.Image:
    """Draw a head and shoulders."""
    head, radius, top, half_width = (share * side for share in shape)
    image, middle = Image.new("L", (side, side), ground), side / 2
    draw = ImageDraw.Draw(image)
    draw.ellipse((middle - radius, head - radius, middle + radius, head + radius), fill=figure)
    draw.ellipse((middle - half_width, top, middle + half_width, top + 2 * half_width), fill=figure)
    return image
