"""Pictures in, small square WebP out: pure functions of bytes, run only inside the sandbox.

This file is loaded by the sandbox's children and imports neither Django nor the rest of ours, only `placeholders`.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from PIL import Image, ImageChops, ImageCms, ImageFile

from media_store.placeholders import is_silhouette

SIDE = 400
QUALITY = 80

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
STARTS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF"}
MAX_SIDE = 10_000
MAX_PIXELS = 25_000_000
# Phones make JPEGs of 48 and 50 MP. These are decoded at an eighth of their size, so they cost less than other formats
# at 25 MP; the worst case is a progressive one, whose coefficients take 6 bytes a pixel, 300 MB.
MAX_JPEG_PIXELS = 50_000_000
MAX_ASPECT = 20
HAMMING_FROM = 1.1 * SIDE
MAX_PROFILE_BYTES = 4_000_000
MAX_EXIF_BYTES = 65_536
ORIENTATION = 0x0112

# Differences in all channels up to this still count as one single colour: the noise of lossy formats.
FLAT = 2
# What has more bytes as WebP is not flat; counting bytes is free, looking at every pixel is not.
MAX_FLAT_BYTES = 2_000
MAX_DRAWN_BYTES = 8_000

TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS
ImageFile.LOAD_TRUNCATED_IMAGES = False


class ImageRefused(Exception):
    """The bytes cannot become a picture.

    `verdict` is a value of PhotoJob.Verdict: not_an_image, too_large or placeholder; the message is one plain sentence.
    """

    def __init__(self, verdict: str, message: str) -> None:
        super().__init__(message)
        self.verdict = verdict


def square_webp(content: bytes) -> bytes:
    """Return the middle of the picture as an upright 400x400 WebP in sRGB, on white, without any metadata.

    Raises ImageRefused for what is not a complete JPEG, PNG, WebP, GIF or AVIF, is too large, or shows nothing.
    """
    with opened(content) as image:
        small = upright(to_srgb(square(image), image.info.get("icc_profile")), image)
    webp = _encoded(small)
    is_flat = len(webp) < MAX_FLAT_BYTES and _is_flat(small)
    if min(image.size) == 1 or is_flat or (len(webp) < MAX_DRAWN_BYTES and is_silhouette(small)):
        raise ImageRefused("placeholder", "The source has only a placeholder, no picture.")
    return webp


def sniffed(content: bytes) -> str:
    """Return the name of the format that the first bytes show, empty for what is none of the five."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    if content[4:8] == b"ftyp" and content[8:12] in (b"avif", b"avis", b"mif1"):
        return "AVIF"
    return next((name for start, name in STARTS.items() if content.startswith(start)), "")


@contextmanager
def opened(content: bytes) -> Iterator[ImageFile.ImageFile]:
    """Give the picture, refused by its header where it is too large; what decoders raise becomes ImageRefused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            image.decodermaxblock = len(content)
            _refuse_size(image)
            yield image
        except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
            raise ImageRefused("too_large", "The picture has too many pixels.") from error
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error) as error:
            # What Pillow's readers raise on damaged files.
            raise ImageRefused("not_an_image", "This is not a complete JPEG, PNG, WebP, GIF or AVIF.") from error


def _refuse_size(image: ImageFile.ImageFile) -> None:
    """Refuse by the header alone, before anything is decoded."""
    width, height = image.size
    limit = MAX_JPEG_PIXELS if image.format == "JPEG" else MAX_PIXELS
    if max(width, height) > MAX_SIDE or width * height > limit:
        raise ImageRefused("too_large", f"The picture of {width} x {height} pixels is too large.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageRefused("not_an_image", f"A strip of {width} x {height} pixels is not a picture of anybody.")


def square(image: ImageFile.ImageFile) -> Image.Image:
    """Decode, crop to the middle and scale in one step; the orientation does not matter to a square.

    JPEG is decoded at the smallest of the scales 1, 1/2, 1/4, 1/8 that is not below 400. From there bicubic takes two
    thirds of the time of Lanczos, and Hamming, where there is more to shrink, a half, for 0.002 of SSIM each.
    """
    if image.format == "JPEG":
        image.draft("RGB", (SIDE, SIDE))
    image.load()
    width, height = image.size
    side = min(width, height)
    box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    resample = Image.Resampling.LANCZOS
    if image.format == "JPEG":
        resample = Image.Resampling.HAMMING if side > HAMMING_FROM else Image.Resampling.BICUBIC
    return plain_mode(image).resize((SIDE, SIDE), resample, box=box, reducing_gap=2.0)


def plain_mode(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that can be scaled: L, LA, RGB, RGBA or CMYK, 8 bits a channel."""
    if image.mode.startswith("I"):
        # 16 bits of grey, which convert("L") would clip instead of scale.
        return image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if "transparency" in image.info and image.mode in ("1", "L", "P", "RGB"):
        return image.convert("RGBA")
    if image.mode == "PA":
        return image.convert("RGBA")
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the small picture as RGB on white, its colours converted by its own profile where that can be read."""
    if image.mode in ("LA", "RGBA"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    if profile and len(profile) <= MAX_PROFILE_BYTES:
        transform = _transform(profile, image.mode)
        if transform is not None:
            return ImageCms.applyTransform(image, transform) or image
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the way from `profile` to sRGB, None for a damaged profile or one of another colour space."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        return None if mode == "RGB" and _changes_nothing(transform) else transform
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Say whether the profile was sRGB, under whatever name: most are, and need no conversion."""
    steps = range(0, 256, 17)
    cube = Image.frombytes(
        "RGB", (64, 64), bytes(value for r in steps for g in steps for b in steps for value in (r, g, b))
    )
    converted = ImageCms.applyTransform(cube, transform)
    if converted is None:
        return False
    extrema: tuple[tuple[int, int], ...] = ImageChops.difference(cube, converted).getextrema()  # type: ignore[assignment]
    return all(high <= 1 for _, high in extrema)


def upright(small: Image.Image, image: ImageFile.ImageFile) -> Image.Image:
    """Turn the small picture as the EXIF data say, read only now: Pillow's PNG reader loads the pixels for it."""
    method = TRANSPOSE.get(_orientation(image))
    return small if method is None else small.transpose(method)


def _orientation(image: ImageFile.ImageFile) -> int:
    """Return the orientation 1-8, 1 where there is none or it cannot be read."""
    if len(image.info.get("exif", b"")) > MAX_EXIF_BYTES:
        return 1
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, struct.error):
        return 1
    return orientation if isinstance(orientation, int) else 1


def _is_flat(small: Image.Image) -> bool:
    """Say whether the picture is one single colour, as sources send when they have none."""
    extrema: tuple[tuple[int, int], ...] = small.getextrema()  # type: ignore[assignment]
    return all(high - low <= FLAT for low, high in extrema)


def _encoded(small: Image.Image) -> bytes:
    """Return WebP with nothing but the pixels. Method 2 takes a third of the time of 4 for 4 % more bytes."""
    output = io.BytesIO()
    small.save(output, "WEBP", quality=QUALITY, method=2, exif=b"", icc_profile=None, xmp=b"")
    return output.getvalue()
