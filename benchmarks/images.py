"""Compares this renderer with Pillow in its usual form and with sharp, on pictures for a feed.

    python -m benchmarks.images [--feed small|large] [--repeat N] [--sharp FOLDER_WITH_NODE_MODULES]

`small` is 1440 x 1800 pixels and 8 MB, as on Instagram; `large` 4096 x 4096 and 5 MB, as on X. Only this
renderer keeps to the limit in bytes; the others save at quality 95.

Each job runs in a process of its own, the tools in turn. Time is the median wall time with the start
of the process, memory the highest peak. SSIM and PSNR compare with the drawn picture, scaled by an
independent library. Nothing is asserted: read the table.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity

from publisher.adapt.images.child_process import child_environment
from publisher.core.content import RenditionSpec
from tests import image_samples as samples

Image.MAX_IMAGE_PIXELS = None
SIMILARITY: Any = structural_similarity

OURS = """
import pathlib, runpy
runpy.run_module("publisher.adapt.images.process", run_name="__main__")
print(pathlib.Path("/proc/self/status").read_text())
"""
PILLOW = """
import pathlib, sys
from PIL import Image
Image.MAX_IMAGE_PIXELS = None
image = Image.open(sys.argv[1])
image.thumbnail((int(sys.argv[3]), int(sys.argv[4])), Image.Resampling.LANCZOS)
image.convert("RGB").save(sys.argv[2], "JPEG", quality=95)
print(pathlib.Path("/proc/self/status").read_text())
"""
SHARP = """
const sharp = require('sharp'), fs = require('fs');
const moving = process.argv[1].endsWith('.gif');
const job = sharp(process.argv[1], {animated: moving, limitInputPixels: false})
  .rotate().resize(+process.argv[3], +process.argv[4], {fit: 'inside', withoutEnlargement: true});
(moving ? job.gif() : job.flatten({background: 'white'})
  .jpeg({quality: 95, chromaSubsampling: '4:4:4', progressive: true}))
  .toFile(process.argv[2]).then(() => console.log(fs.readFileSync('/proc/self/status', 'utf8')));
"""


@dataclass(frozen=True)
class Feed:
    width: int
    height: int
    max_bytes: int


FEEDS = {"small": Feed(1440, 1800, 8_000_000), "large": Feed(4096, 4096, 5_000_000)}


@dataclass(frozen=True)
class Source:
    name: str
    path: Path
    picture: Image.Image
    """The picture itself, before it became a file: 8-bit sRGB."""


@dataclass(frozen=True)
class Outcome:
    seconds: float
    peak_mb: float
    file: Path


def draw_sources(folder: Path) -> list[Source]:
    """Draws the six originals; the largest is tiled from a smaller picture."""
    cells, tissue, plot = samples.fluorescence(4000, 3000), samples.tissue(6000, 4000), samples.line_figure(4000, 3000)
    inked, tile = samples.tissue(4000, 3000, seed=3), samples.fluorescence(2500, 2500, seed=5)
    deep = (tile.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16").replicate(4, 4)
    moving = samples.animation(folder / "animated.gif", 640, 640, 30)
    with Image.open(moving) as first:
        still = first.convert("RGB")
    return [
        Source("12 MP JPEG, Display P3", samples.wide_gamut_jpeg(cells, folder / "p3.jpg"), _pillow_image(cells)),
        Source("24 MP PNG", samples.save(tissue, folder / "large.png", compression=3), _pillow_image(tissue)),
        Source("100 MP 16-bit TIFF, LZW", _lzw(deep, folder / "deep.tif"), _pillow_image(tile.replicate(4, 4))),
        Source("12 MP JPEG, CMYK", samples.ink_jpeg(inked, folder / "ink.jpg"), _pillow_image(inked)),
        Source("12 MP PNG with alpha", samples.save(samples.on_glass(plot), folder / "glass.png"), _pillow_image(plot)),
        Source("animated GIF, 30 frames", moving, still),
    ]


def _lzw(image: Any, path: Path) -> Path:
    return samples.save(image, path, compression="lzw", predictor="horizontal")


def _pillow_image(image: Any) -> Image.Image:
    return Image.frombytes("RGB", (image.width, image.height), bytes(image.write_to_memory()))


Job = tuple[list[str], str]
"""A command, and its standard input."""


def ours(source: Source, target: Path, feed: Feed) -> Job:
    spec = RenditionSpec(
        source="",
        formats=("jpeg", "gif"),
        max_bytes=feed.max_bytes,
        max_width=feed.width,
        max_height=feed.height,
        animated=source.path.suffix == ".gif",
    )
    request = {
        "task": "render",
        "source": str(source.path),
        "output": str(target),
        "spec": spec.model_dump(mode="json"),
    }
    return [sys.executable, "-c", OURS], json.dumps(request)


def pillow(source: Source, target: Path, feed: Feed) -> Job:
    return [sys.executable, "-c", PILLOW, str(source.path), str(target), str(feed.width), str(feed.height)], ""


def sharp(source: Source, target: Path, feed: Feed) -> Job:
    return ["node", "-e", SHARP, str(source.path), str(target), str(feed.width), str(feed.height)], ""


def run(job: Job, target: Path, environment: dict[str, str]) -> Outcome:
    command, standard_input = job
    started_at = time.perf_counter()
    result = subprocess.run(command, input=standard_input, capture_output=True, text=True, env=environment, check=True)
    seconds = time.perf_counter() - started_at
    peak = int(result.stdout.rpartition("VmHWM:")[2].split()[0])
    return Outcome(seconds, peak / 1024, target)


def compare(source: Source, file: Path) -> tuple[float, float]:
    """Computes SSIM of the lightness, and PSNR of the colours in decibels."""
    with Image.open(file) as image:
        rendered = np.asarray(image.convert("RGB"), dtype=np.float64)
    size = (rendered.shape[1], rendered.shape[0])
    reference = np.asarray(source.picture.resize(size, Image.Resampling.LANCZOS), dtype=np.float64)
    ssim = SIMILARITY(reference.mean(-1), rendered.mean(-1), data_range=255, gaussian_weights=True)
    error = float(((reference - rendered) ** 2).mean())
    return float(ssim), 10 * math.log10(255**2 / error) if error else math.inf


def _has_sharp(environment: dict[str, str]) -> bool:
    result = subprocess.run(["node", "-e", "require('sharp')"], capture_output=True, env=environment, check=False)
    return result.returncode == 0


def measure(sources: list[Source], folder: Path, feed: Feed, repeat: int, environment: dict[str, str]) -> None:
    tools: dict[str, Callable[[Source, Path, Feed], Job]] = {"publisher": ours, "Pillow": pillow}
    if shutil.which("node") and _has_sharp(environment):
        tools["sharp"] = sharp
    print(f"{'source':26} {'tool':10} {'s':>6} {'MB':>6} {'kB':>6} {'SSIM':>7} {'PSNR':>6}")
    for source in sources:
        outcomes: dict[str, list[Outcome]] = {name: [] for name in tools}
        for _ in range(repeat):
            for name, tool in tools.items():
                target = folder / f"{name}{source.path.suffix}"
                child_variables = child_environment(folder) if tool is ours else environment
                outcomes[name].append(run(tool(source, target, feed), target, child_variables))
        for name, runs in outcomes.items():
            seconds = statistics.median(outcome.seconds for outcome in runs)
            peak = max(outcome.peak_mb for outcome in runs)
            ssim, psnr = compare(source, runs[-1].file)
            size = runs[-1].file.stat().st_size / 1000
            print(
                f"{source.name:26} {name:10} {seconds:6.2f} {peak:6.0f} {size:6.0f} {ssim:7.4f} {psnr:6.1f}", flush=True
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Renderings of six pictures, tool by tool.")
    parser.add_argument("--feed", choices=FEEDS, default="small")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sharp", type=Path, help="the folder whose node_modules holds sharp")
    arguments = parser.parse_args()
    environment = dict(os.environ)
    if arguments.sharp:
        environment["NODE_PATH"] = str(arguments.sharp / "node_modules")
    with tempfile.TemporaryDirectory() as name:
        measure(draw_sources(Path(name)), Path(name), FEEDS[arguments.feed], arguments.repeat, environment)


if __name__ == "__main__":
    main()
