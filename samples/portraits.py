"""Draw portraits of people who do not exist, and serve them over HTTP as a picture host would.

    python -m samples.portraits "Mara Lindholm" > mara.jpg

The same name always gives the same picture.
"""

from __future__ import annotations

import io
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from PIL import Image, ImageDraw

SKINS = ("#f6d7c3", "#eec1a2", "#d99e78", "#b97a53", "#8d5a3b", "#5f3b27")
HAIRS = ("#20170f", "#3d2716", "#6b4423", "#a8763e", "#d6b26b", "#8b8b8b", "#7c2f1d", "#2b2b3a")
SHIRTS = ("#1f4e79", "#7a1f3d", "#2f6b3c", "#5a3d8a", "#b06a1d", "#2b2f36", "#0f7b7b", "#a33b3b")
WALLS = (("#dfe9f2", "#9fb8cf"), ("#f3e9dc", "#cfb38f"), ("#e3efe2", "#9dbf9c"), ("#ece3f1", "#b59fc4"))
DRAWN = 1200


def draw(name: str, *, size: int = 640, quality: int = 85) -> bytes:
    """Return a square JPEG portrait for `name`, `size` pixels wide."""
    dice = random.Random(name)  # noqa: S311 (a face, not a key)
    picture = _wall(*dice.choice(WALLS))
    pen = ImageDraw.Draw(picture)
    skin, hair, shirt = dice.choice(SKINS), dice.choice(HAIRS), dice.choice(SHIRTS)
    width = dice.randint(195, 230)
    has_long_hair = dice.random() < 0.5
    if has_long_hair:
        pen.rounded_rectangle((600 - width - 55, 340, 600 + width + 55, 930), 190, fill=hair)
    pen.rounded_rectangle((190, 900, 1010, 1500), 230, fill=shirt)
    pen.rounded_rectangle((520, 760, 680, 980), 70, fill=skin)
    pen.polygon([(520, 905), (680, 905), (600, 1010)], fill=skin)
    pen.ellipse((600 - width, 300, 600 + width, 860), fill=skin)
    pen.pieslice((600 - width - 18, 262, 600 + width + 18, 760), 180, 360, fill=hair)
    fringe = dice.randint(500, 540)
    pen.ellipse((600 - width + 6, 420, 600 + width - 6, fringe + 120), fill=skin)
    _features(pen, dice, hair)
    picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=quality)
    return jpeg.getvalue()


def _wall(light: str, dark: str) -> Image.Image:
    slope = Image.linear_gradient("L").resize((DRAWN, DRAWN))
    return Image.composite(Image.new("RGB", (DRAWN, DRAWN), dark), Image.new("RGB", (DRAWN, DRAWN), light), slope)


def _features(pen: ImageDraw.ImageDraw, dice: random.Random, hair: str) -> None:
    iris = dice.choice(("#3b2a1a", "#2e5a88", "#4c6b3a"))
    for x in (515, 685):
        pen.ellipse((x - 34, 562, x + 34, 602), fill="#fdfdfd")
        pen.ellipse((x - 17, 564, x + 17, 600), fill=iris)
        pen.arc((x - 52, 505, x + 52, 575), 200, 340, fill=hair, width=13)
    pen.arc((570, 590, 630, 690), 40, 140, fill="#a0694f", width=9)
    pen.arc((520, 640, 680, 770), 25, 155, fill="#a3423f", width=15)
    if dice.random() < 0.3:
        for x in (515, 685):
            pen.ellipse((x - 62, 528, x + 62, 638), outline="#2b2b2b", width=9)
        pen.line((577, 580, 623, 580), fill="#2b2b2b", width=9)


class _PortraitHandler(BaseHTTPRequestHandler):
    """Answers /portraits/<name>.jpg with the portrait of that name."""

    def do_GET(self) -> None:
        name = unquote(self.path).removeprefix("/portraits/").removesuffix(".jpg").replace("-", " ")
        body = draw(name)
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: whoever asks reports for itself."""


@contextmanager
def serving(port: int) -> Iterator[None]:
    """Serve portraits on 127.0.0.1:`port` while the block runs; raises OSError when the port is taken."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _PortraitHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    sys.stdout.buffer.write(draw(sys.argv[1]))
