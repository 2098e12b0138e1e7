"""Any picture becomes an upright 400x400 WebP in sRGB on white, with nothing else in it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, ImageDraw
from PIL.PngImagePlugin import PngInfo

from media_store import processing
from media_store.processing import ImageRefused, square_webp

RED, GREEN, BLUE, YELLOW = (200, 30, 30), (30, 160, 60), (30, 60, 200), (220, 200, 40)
CORNERS = ((100, 100), (300, 100), (100, 300), (300, 300))
TRANSPOSE_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def drawn(size: tuple[int, int] = (800, 600), mode: str = "RGB") -> Image.Image:
    """Draw four coloured quarters."""
    width, height = size
    image = Image.new("RGB", size, RED)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height // 2), GREEN)
    draw.rectangle((0, height // 2, width // 2, height), BLUE)
    draw.rectangle((width // 2, height // 2, width, height), YELLOW)
    return image.convert(mode)


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    output = io.BytesIO()
    image.save(output, format, **options)
    return output.getvalue()


def opened(webp: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(webp))
    assert (image.format, image.size) == ("WEBP", (400, 400))
    return image.convert("RGB")


def corners(image: Image.Image) -> list[Any]:
    return [image.getpixel(place) for place in CORNERS]


def is_near(found: Any, wanted: Any, *, by: int = 12) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))


def assert_upright(webp: bytes, *, by: int = 12) -> None:
    for found, wanted in zip(corners(opened(webp)), (RED, GREEN, BLUE, YELLOW), strict=True):
        assert is_near(found, wanted, by=by), (found, wanted)


def verdict_of(content: bytes) -> str:
    with pytest.raises(ImageRefused) as caught:
        square_webp(content)
    return caught.value.verdict


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_every_format_of_the_web_is_read(format: str) -> None:
    assert_upright(square_webp(encoded(drawn(), format)), by=25 if format == "GIF" else 12)


@pytest.mark.parametrize("size", [(90, 60), (400, 400), (3_300, 3_250), (401, 4_001), (5_000, 420)])
def test_every_size_comes_out_as_the_middle_of_the_picture(size: tuple[int, int]) -> None:
    assert_upright(square_webp(encoded(drawn(size), "JPEG", quality=90)))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_is_upright_whatever_its_orientation(orientation: int, format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = drawn().transpose(TRANSPOSE_BACK[orientation]) if orientation > 1 else drawn()
    assert_upright(square_webp(encoded(turned, format, exif=exif)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_no_pixel_is_out_of_its_place_whatever_the_orientation(orientation: int) -> None:
    """Grain differs from pixel to pixel; two levels are what scaling across before down may round otherwise."""
    grain = Image.merge("RGB", [Image.effect_noise((800, 600), 15) for _ in range(3)])
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = grain.transpose(TRANSPOSE_BACK[orientation]) if orientation > 1 else grain
    difference = ImageChops.difference(small_of(encoded(grain)), small_of(encoded(turned, exif=exif)))
    assert all(high <= 2 for _, high in difference.getextrema())  # type: ignore[misc]
    moved = ImageChops.difference(small_of(encoded(grain)), ImageChops.offset(small_of(encoded(grain)), 1, 0))
    assert all(high > 20 for _, high in moved.getextrema())  # type: ignore[misc]


def small_of(content: bytes) -> Image.Image:
    """Return the small picture before it is encoded."""
    with processing.opened(content) as image:
        return processing.upright(processing.to_srgb(processing.square(image), None), image)


@pytest.mark.parametrize("exif", [b"Exif\x00\x00garbage", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", b"Exif\x00\x00"])
def test_damaged_exif_data_do_not_cost_the_picture(exif: bytes) -> None:
    assert_upright(square_webp(encoded(drawn(), "JPEG", exif=exif)))


def test_exif_data_of_many_kilobytes_are_not_looked_into() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "x" * processing.MAX_EXIF_BYTES
    assert_upright(square_webp(encoded(drawn(), "PNG", exif=exif)))


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "I;16"])
def test_every_mode_of_png_keeps_its_brightness(mode: str) -> None:
    grey = Image.linear_gradient("L").resize((500, 500))
    deep = grey.convert("I").point(lambda value: value * 257)
    image = (deep if mode == "I;16" else grey).convert(mode)
    result = opened(square_webp(encoded(image))).convert("L").reduce(40)
    wanted = grey.resize((400, 400)).reduce(40)
    spread = 12 if mode in ("1", "P") else 3
    assert all(abs(result.getpixel((5, y)) - wanted.getpixel((5, y))) <= spread for y in range(10))  # type: ignore[operator]


def test_cmyk_comes_out_in_its_colours() -> None:
    assert_upright(square_webp(encoded(drawn(mode="CMYK"), "JPEG", quality=95)), by=20)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    image = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    image.paste((20, 20, 20, 255), (0, 0, 600, 300))
    if mode == "P":
        content = encoded(image.quantize(8), "GIF", transparency=image.quantize(8).getpixel((300, 500)))
    else:
        content = encoded(image.convert(mode))
    result = opened(square_webp(content))
    assert is_near(result.getpixel((200, 350)), (255, 255, 255), by=4)
    assert is_near(result.getpixel((200, 50)), (20, 20, 20), by=8)


def test_colours_are_converted_by_the_profile_of_the_picture() -> None:
    """A profile with the primaries of red and blue exchanged shows whether it was used."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = srgb.replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")
    result = opened(square_webp(encoded(drawn(), "PNG", icc_profile=exchanged)))
    assert is_near(result.getpixel((100, 100)), (30, 30, 200), by=25)
    for unusable in (lab, b"not a profile"):
        assert_upright(square_webp(encoded(drawn(), "PNG", icc_profile=unusable)))
    endless = exchanged + bytes(processing.MAX_PROFILE_BYTES)
    assert_upright(square_webp(encoded(drawn(), "JPEG", quality=95, icc_profile=endless)))


def test_nothing_but_the_pixels_is_left() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret-description"
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngInfo()
    text.add_text("Comment", "secret-comment")
    marks = {"exif": exif, "icc_profile": profile}
    sources = [
        encoded(drawn(), "JPEG", comment=b"secret-comment", xmp=b"<secret-xmp/>", **marks),
        encoded(drawn(), "PNG", pnginfo=text, **marks),
        encoded(drawn(), "WEBP", xmp=b"<secret-xmp/>", **marks),
    ]
    for source in sources:
        assert b"secret" in source
        webp = square_webp(source)
        assert not any(mark in webp for mark in (b"secret", b"EXIF", b"ICCP", b"XMP ", b"VP8X"))
        assert opened(webp).info.keys() <= {"loop", "background", "timestamp", "duration"}


def test_an_animation_gives_its_first_frame() -> None:
    frames = [drawn(), Image.new("RGB", (800, 600), "black")]
    for kind in ("GIF", "WEBP", "PNG"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
        assert_upright(square_webp(content), by=25)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(format: str, share: float) -> None:
    content = encoded(Image.effect_noise((500, 500), 80).convert("RGB"), format)
    assert verdict_of(content[: int(len(content) * share)]) == "not_an_image"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"<html><img src=x></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"%PDF-1.7\n",
        b"GIF89a/*",
        encoded(drawn(), "BMP"),
        encoded(drawn(), "TIFF"),
        encoded(drawn(), "ICO"),
    ],
)
def test_what_is_no_picture_of_the_web_is_refused(content: bytes) -> None:
    assert verdict_of(content) == "not_an_image"


@pytest.mark.parametrize(
    ("format", "size"), [("PNG", (6_000, 5_000)), ("PNG", (10_001, 600)), ("JPEG", (10_000, 5_100))]
)
def test_a_picture_of_too_many_pixels_is_refused_unread(
    format: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(Image.new("L", size, 7), format)
    monkeypatch.setattr(processing, "square", lambda *_: pytest.fail("decoded"))
    assert verdict_of(content) == "too_large"


def test_a_photo_of_48_megapixels_is_read() -> None:
    content = encoded(drawn((8_000, 6_000)), "JPEG", quality=60)
    assert_upright(square_webp(content))


def test_a_strip_is_not_a_picture() -> None:
    assert verdict_of(encoded(drawn((2_100, 100)))) == "not_an_image"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_one_dot_and_one_single_colour_are_placeholders(format: str) -> None:
    assert verdict_of(encoded(Image.new("RGB", (1, 1), "red"), format)) == "placeholder"
    assert verdict_of(encoded(Image.new("RGB", (300, 200), "#789abc"), format)) == "placeholder"


def test_a_line_of_dots_is_a_placeholder() -> None:
    dots = Image.new("RGB", (1, 2), "black")
    dots.putpixel((0, 1), (255, 255, 255))
    assert verdict_of(encoded(dots)) == "placeholder"


def test_a_faint_picture_is_not_a_placeholder() -> None:
    image = Image.new("RGB", (500, 500), (200, 200, 200))
    image.paste((215, 200, 200), (100, 100, 300, 300))
    opened(square_webp(encoded(image)))
