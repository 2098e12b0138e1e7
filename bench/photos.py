"""Photos a second on one core beside sharp: any JPEG to a 400x400 WebP of quality 80.

Both get the same photos of 0.1 to 12 megapixels from memory, in alternating rounds; medians of five.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import subprocess
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

from PIL import Image, ImageMath

from media_store.processing import square_webp

MEGAPIXELS = (0.1, 0.3, 1, 2, 5, 8, 12)
ROUNDS = 5
SHARP = Path(__file__).parent / "sharp"
SIDE = 400


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--source", type=Path, metavar="DIR", help="JPEG photos to make the sizes of; else drawn ones")


def run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return our figures and, where npm can install it, those of sharp; `ratio` is ours / theirs.

    `cpu_ratio` says the same of processor time, which other work on the machine disturbs less.
    """
    with tempfile.TemporaryDirectory() as folder, pinned_to_one_core():
        photos = make_photos(Path(folder), originals(options.get("source")))
        with sharp_on(Path(folder)) as rival:
            rounds = [(our_round(photos), rival.round() if rival else None) for _ in range(ROUNDS)]
            ours = figures([own for own, _ in rounds], len(photos))
            results = {
                **ours,
                "ssim": mean_ssim(photos, [square_webp(photo) for photo in photos]),
                "photos": len(photos),
            }
            if rival is None:
                return {**results, "rival": "skipped: npm or the package sharp is not here"}
            theirs = figures([their for _, their in rounds if their], len(photos))
            return {
                **results,
                **{f"sharp_{name}": value for name, value in theirs.items()},
                "sharp_ssim": mean_ssim(photos, rival.pictures()),
                "ratio": round(ours["photos_per_second"] / theirs["photos_per_second"], 3),
                "cpu_ratio": round(theirs["cpu_ms_per_photo"] / ours["cpu_ms_per_photo"], 3),
                "bytes_ratio": round(ours["mean_bytes"] / theirs["mean_bytes"], 3),
                "rival": f"sharp {rival.version}",
            }


def our_round(photos: Sequence[bytes]) -> dict[str, float]:
    start, cpu = time.perf_counter(), time.process_time()
    size = sum(len(square_webp(photo)) for photo in photos)
    return {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu, "bytes": size}


def figures(rounds: Sequence[Mapping[str, float]], count: int) -> dict[str, Any]:
    return {
        "photos_per_second": round(count / median(each["seconds"] for each in rounds), 2),
        "cpu_ms_per_photo": round(1_000 * median(each["cpu_seconds"] for each in rounds) / count, 2),
        "mean_bytes": round(rounds[0]["bytes"] / count),
    }


def originals(source: Path | None) -> list[Image.Image]:
    """Return the JPEGs in `source`, else drawn pictures with edges, slopes and grain."""
    if source is None:
        return [drawn(number) for number in range(6)]
    files = sorted(path for path in source.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    if not files:
        raise SystemExit(f"There is no JPEG in {source}.")
    return [Image.open(file).convert("RGB") for file in files]


def drawn(number: int) -> Image.Image:
    size = (1_800, 1_200) if number % 2 else (1_200, 1_800)
    slopes = [Image.linear_gradient("L").rotate(90 * (number + band)).resize(size) for band in range(3)]
    grain = Image.effect_noise(size, 25).convert("RGB")
    return Image.blend(
        Image.merge("RGB", slopes),
        Image.blend(grain, Image.effect_mandelbrot(size, (-2, -1, 1, 1), 60).convert("RGB"), 0.5),
        0.4,
    )


def make_photos(folder: Path, pictures: Sequence[Image.Image]) -> list[bytes]:
    """Write every picture in some of the sizes, spread evenly, as a camera would; return the files' contents."""
    for number, picture in enumerate(pictures):
        for place, megapixels in enumerate(MEGAPIXELS):
            if (number + place) % 3 == 0 or len(pictures) < 3:
                scale = math.sqrt(megapixels * 1e6 / (picture.width * picture.height))
                size = (round(picture.width * scale), round(picture.height * scale))
                resized = picture.resize(size, Image.Resampling.LANCZOS)
                resized.save(folder / f"{number:03}-{place}.jpg", quality=90)
    return [file.read_bytes() for file in sorted(folder.iterdir())]


@contextmanager
def pinned_to_one_core() -> Iterator[None]:
    """Keep this process, and what it starts, on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


class Sharp:
    """A Node process with sharp that works on the photos of a folder."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.version = self._answer()["version"]

    def round(self) -> dict[str, float]:
        return cast("dict[str, float]", self._ask("round"))

    def pictures(self) -> list[bytes]:
        """Return what it makes of the photos, in their order."""
        with tempfile.TemporaryDirectory() as folder:
            self._ask(f"write {folder}")
            return [file.read_bytes() for file in sorted(Path(folder).iterdir())]

    def _ask(self, command: str) -> Any:
        pipe = cast("IO[str]", self._process.stdin)
        pipe.write(f"{command}\n")
        pipe.flush()
        return self._answer()

    def _answer(self) -> Any:
        return json.loads(cast("IO[str]", self._process.stdout).readline())


@contextmanager
def sharp_on(folder: Path) -> Iterator[Sharp | None]:
    """Give sharp, installed by npm when it is not there yet; None where that is not possible."""
    if not is_sharp_installed():
        yield None
        return
    command = ["node", str(SHARP / "run.mjs"), str(folder)]
    environment = {**os.environ, "UV_THREADPOOL_SIZE": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield Sharp(process)
        finally:
            process.kill()


def is_sharp_installed() -> bool:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    if not (SHARP / "node_modules" / "sharp").is_dir():
        install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
        return subprocess.run(install, cwd=SHARP, capture_output=True, check=False).returncode == 0
    return True


def mean_ssim(photos: Sequence[bytes], webps: Sequence[bytes]) -> float:
    """Return the mean likeness to the middle of each photo, scaled from its full size by Lanczos."""
    pairs = zip(photos, webps, strict=True)
    return round(sum(ssim(reference(photo), Image.open(io.BytesIO(webp))) for photo, webp in pairs) / len(photos), 4)


def reference(photo: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(photo)).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))


def ssim(first: Image.Image, second: Image.Image) -> float:
    """Return the structural similarity of the brightness of two pictures, over blocks of 8x8 pixels."""
    a, b = (image.convert("L").convert("F") for image in (first, second))

    def product(x: Image.Image, y: Image.Image) -> Image.Image:
        return cast("Image.Image", ImageMath.lambda_eval(lambda of: of["x"] * of["y"], x=x, y=y)).reduce(8)

    def similarity(of: dict[str, Any]) -> Any:
        square_a, square_b, both = of["a"] * of["a"], of["b"] * of["b"], of["a"] * of["b"]
        likeness = (2 * both + 6.5025) * (2 * (of["ab"] - both) + 58.5225)
        return likeness / ((square_a + square_b + 6.5025) * (of["aa"] - square_a + of["bb"] - square_b + 58.5225))

    blocks = {"a": a.reduce(8), "b": b.reduce(8), "aa": product(a, a), "bb": product(b, b), "ab": product(a, b)}
    values = cast("Image.Image", ImageMath.lambda_eval(similarity, **blocks))
    return sum(cast("tuple[float, ...]", values.get_flattened_data())) / (values.width * values.height)
