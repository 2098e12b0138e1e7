"""A drawing that stands for nobody is no picture of anybody; a photograph is one, however plain."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image, ImageDraw, ImageFilter

from media_store.placeholders import SHAPES, drawn, is_silhouette
from media_store.processing import ImageRefused, square_webp


def encoded(image: Image.Image, format: str = "PNG") -> bytes:
    output = io.BytesIO()
    image.save(output, format)
    return output.getvalue()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("figure", "ground"), [(170, 230), (255, 189), (90, 200)])
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_a_head_and_shoulders_of_one_shade_is_a_placeholder(
    shape: tuple[float, float, float, float], figure: int, ground: int, format: str
) -> None:
    picture = drawn(shape, figure=figure, ground=ground, side=512).convert("RGB")
    with pytest.raises(ImageRefused) as caught:
        square_webp(encoded(picture, format))
    assert caught.value.verdict == "placeholder"


def test_a_photograph_of_a_head_and_shoulders_is_kept() -> None:
    figure = drawn(SHAPES[1], figure=150, ground=220, side=512).filter(ImageFilter.GaussianBlur(6)).convert("RGB")
    shaded = Image.blend(figure, Image.linear_gradient("L").resize((512, 512)).convert("RGB"), 0.3)
    photo = Image.blend(shaded, Image.effect_noise((512, 512), 60).convert("RGB"), 0.15)
    assert square_webp(encoded(photo, "JPEG"))


@pytest.mark.parametrize("seed", range(20))
def test_a_logo_or_a_letter_is_kept(seed: int) -> None:
    chance = random.Random(seed)
    image = Image.new("RGB", (400, 400), chance.choice(["#ffffff", "#204060"]))
    draw = ImageDraw.Draw(image)
    for _ in range(chance.randrange(1, 4)):
        x, y, size = chance.randrange(300), chance.randrange(300), chance.randrange(40, 250)
        kind = draw.ellipse if chance.random() < 0.5 else draw.rectangle
        kind((x, y, x + size, y + size), fill=chance.choice(["#c04020", "#20a040", "#d0c020"]))
    assert not is_silhouette(image)
