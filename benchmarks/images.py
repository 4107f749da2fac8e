"""Compares this renderer with one plain pass of the same library, with sharp and with Pillow, on pictures for a feed.

    python -m benchmarks.images [--feed small|blog|large] [--only TEXT] [--repeat N] [--former TREE]
                                [--sharp FOLDER_WITH_NODE_MODULES] [--judge PYTHON]

`small` is 1440 x 1800 pixels and 8 MB, as on Instagram; `blog` 2048 x 3072 and 10 MB, as on Tumblr; `large` 4096 x 4096
and 5 MB, as on X. Only this renderer keeps to the limit in bytes; sharp and Pillow save at quality 95, the plain pass
at the quality that this renderer chose. `--former`: an older tree of this program, measured in the same run.

Each job runs in a process of its own, the tools in turn, this renderer as in the desk: in a child of a warm process.
Seconds are those of the processor, user and system, after the tool is loaded: the least of the runs; memory is the
highest peak, the tool included; load is the machine's when the row was written. `--only` measures the sources with this
in their name. `--judge` is a Python that has the package `ssimulacra2`: SSIMULACRA2 and CIEDE2000 compare the middle
1000 x 1000 pixels with the drawn picture, scaled by Pillow. Nothing is asserted: read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from publisher.adapt.images.child_process import child_environment
from publisher.core.content import RENDITION_RECIPE, ImageFormat, RenditionSpec
from tests import image_samples as samples

Image.MAX_IMAGE_PIXELS = None
JUDGED_SIDE = 1000
DIFFERENCE: Any = deltaE_ciede2000
TO_LAB: Any = rgb2lab

OURS = """
import resource, runpy, sys
sys.argv[1:] = ["60"]
runpy.run_module("publisher.adapt.images.process.warm", run_name="__main__")
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
"""The warm process, asked for one picture: it tells what the child that makes it takes."""
COUNTED = """
usage = resource.getrusage(resource.RUSAGE_SELF)
# The peak that the system counts for a process may be that of the one which started it.
peak = open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]
print(usage.ru_utime + usage.ru_stime - started, peak)
"""
STARTED = """
import resource
usage = resource.getrusage(resource.RUSAGE_SELF)
started = usage.ru_utime + usage.ru_stime
"""
PILLOW = f"""
import sys
from PIL import Image
Image.preinit()
Image.MAX_IMAGE_PIXELS = None
{STARTED}
image = Image.open(sys.argv[1])
image.thumbnail((int(sys.argv[3]), int(sys.argv[4])), Image.Resampling.LANCZOS)
image.convert("RGB").save(sys.argv[2], "JPEG", quality=95)
{COUNTED}
"""
PLAIN = f"""
import sys
import pyvips
pyvips.cache_set_max(0)
{STARTED}
source, target, width, height, quality = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
image = pyvips.Image.new_from_file(source, access="sequential", fail_on="warning")
sideways = image.get_typeof("orientation") and image.get("orientation") > 4
width, height = (height, width) if sideways else (width, height)
if image.hasalpha():
    image = image.flatten(background=[255])
scale = min(width / image.width, height / image.height)
image = image.resize(scale, kernel="lanczos3") if scale < 1 else image
if image.get_typeof("icc-profile-data"):
    image = image.icc_transform("srgb", embedded=True, intent="perceptual")
elif image.format == "ushort":
    image = image.colourspace("srgb")
image = image.copy_memory().autorot() if sideways else image
if target.endswith(".png"):
    image.pngsave(target, compression=9, keep="none")
else:
    image.jpegsave(target, Q=quality, subsample_mode="off", optimize_coding=True, interlace=True, keep="none")
{COUNTED}
"""
JUDGE = """
import sys
from ssimulacra2 import compute_ssimulacra2
print(compute_ssimulacra2(sys.argv[1], sys.argv[2]))
"""
SHARP = """
const sharp = require('sharp'), fs = require('fs'), started = process.cpuUsage();
const moving = process.argv[1].endsWith('.gif');
const job = sharp(process.argv[1], {animated: moving, limitInputPixels: false})
  .rotate().resize(+process.argv[3], +process.argv[4], {fit: 'inside', withoutEnlargement: true});
(moving ? job.gif() : job.flatten({background: 'white'})
  .jpeg({quality: 95, chromaSubsampling: '4:4:4', progressive: true}))
  .toFile(process.argv[2]).then(() => {
    const used = process.cpuUsage(started);
    const peak = /VmHWM:\\s*(\\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1];
    console.log((used.user + used.system) / 1e6, peak);
  });
"""


@dataclass(frozen=True)
class Feed:
    width: int
    height: int
    max_bytes: int
    formats: tuple[ImageFormat, ...]


FEEDS = {
    "small": Feed(1440, 1800, 8_000_000, ("jpeg", "gif")),
    "blog": Feed(2048, 3072, 10_000_000, ("jpeg", "png", "gif")),
    "large": Feed(4096, 4096, 5_000_000, ("jpeg", "png", "gif")),
}


@dataclass(frozen=True)
class Source:
    name: str
    path: Path
    picture: Image.Image
    """The picture itself, before it became a file: upright 8-bit sRGB."""


@dataclass(frozen=True)
class Outcome:
    seconds: float
    peak_mb: float
    file: Path


def draw_sources(folder: Path, only: str) -> Iterator[Source]:
    """Draws the originals whose name has `only` in it, one after the other; the largest is tiled from a smaller one."""
    for name, draw in SOURCES.items():
        if only in name:
            path, picture = draw(folder)
            yield Source(name, path, picture)


Drawn = tuple[Path, Image.Image]


def _large_png(folder: Path) -> Drawn:
    tissue = samples.tissue(6000, 4000)
    return samples.save(tissue, folder / "large.png", compression=3), _pillow_image(tissue)


def _histology(folder: Path) -> Drawn:
    inked = samples.tissue(4000, 3000, seed=3)
    return samples.save(inked, folder / "tissue.jpg", Q=95), _pillow_image(inked)


def _turned(folder: Path) -> Drawn:
    cells = samples.fluorescence(4000, 3000)
    path = samples.wide_gamut_jpeg(cells.rot270(), folder / "p3.jpg")
    _add_orientation(path, 6)
    return path, _pillow_image(cells)


def _deep_tiff(folder: Path) -> Drawn:
    tile = samples.fluorescence(2500, 2500, seed=5)
    return _lzw(_deep(tile, 4), folder / "deep.tif"), _pillow_image(tile.replicate(4, 4))


def _ink(folder: Path) -> Drawn:
    inked = samples.tissue(4000, 3000, seed=3)
    return samples.ink_jpeg(inked, folder / "ink.jpg"), _pillow_image(inked)


def _glass(folder: Path) -> Drawn:
    figure = samples.line_figure(4000, 3000)
    return samples.save(samples.on_glass(figure), folder / "glass.png"), _pillow_image(figure)


def _moving(folder: Path) -> Drawn:
    path = samples.animation(folder / "animated.gif", 640, 640, 30)
    with Image.open(path) as first:
        return path, first.convert("RGB")


def _figure(folder: Path) -> Drawn:
    plot = samples.line_figure(6000, 4500)
    return samples.save(plot, folder / "plot.png"), _pillow_image(plot)


def _deep_png(folder: Path) -> Drawn:
    microscope = samples.fluorescence(4000, 3000, seed=9)
    return samples.save(_deep(microscope, 1), folder / "deep.png"), _pillow_image(microscope)


SOURCES: dict[str, Callable[[Path], Drawn]] = {
    "24 MP PNG": _large_png,
    "histology, 12 MP JPEG": _histology,
    "Display P3, turned, 12 MP JPEG": _turned,
    "100 MP 16-bit TIFF, LZW": _deep_tiff,
    "CMYK, 12 MP JPEG": _ink,
    "alpha, 12 MP PNG": _glass,
    "animated GIF, 30 frames": _moving,
    "line figure, 27 MP PNG": _figure,
    "16-bit, 12 MP PNG": _deep_png,
}


def _deep(image: Any, times: int) -> Any:
    return (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16").replicate(times, times)


def _add_orientation(path: Path, orientation: int) -> None:
    """Writes the EXIF orientation into a JPEG, right behind its start, without touching its pixels or profile."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    segment = exif.tobytes()
    content = path.read_bytes()
    path.write_bytes(content[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + content[2:])


def _lzw(image: Any, path: Path) -> Path:
    return samples.save(image, path, compression="lzw", predictor="horizontal")


def _pillow_image(image: Any) -> Image.Image:
    return Image.frombytes("RGB", (image.width, image.height), bytes(image.write_to_memory()))


Job = tuple[list[str], str]
"""A command, and its standard input."""


def ours(source: Source, target: Path, feed: Feed) -> Job:
    spec = RenditionSpec(
        source="",
        formats=feed.formats,
        max_bytes=feed.max_bytes,
        max_width=feed.width,
        max_height=feed.height,
        animated=source.path.suffix == ".gif",
        recipe=RENDITION_RECIPE,
    )
    request = {
        "task": "render",
        "source": str(source.path),
        "output": str(target),
        "spec": spec.model_dump(mode="json"),
    }
    return [sys.executable, "-c", OURS], json.dumps({"scratch": str(target.parent), "request": request}) + "\n"


def pillow(source: Source, target: Path, feed: Feed) -> Job:
    return [sys.executable, "-c", PILLOW, str(source.path), str(target), str(feed.width), str(feed.height)], ""


def sharp(source: Source, target: Path, feed: Feed) -> Job:
    return ["node", "-e", SHARP, str(source.path), str(target), str(feed.width), str(feed.height)], ""


def plain(source: Source, target: Path, feed: Feed, answer: dict[str, Any]) -> Job:
    """Returns one decoding, scaling and encoding with the same library, to the quality and format of our rendition."""
    size = [str(feed.width), str(feed.height), str(answer["quality"] or 95)]
    file = target.with_suffix(f".{answer['format']}")
    return [sys.executable, "-c", PLAIN, str(source.path), str(file), *size], ""


def run(job: Job, environment: dict[str, str], folder: Path) -> tuple[float, float, str]:
    """Runs a job and returns its seconds of the processor, its peak memory in MiB and what it printed before them."""
    command, standard_input = job
    # Python looks for modules in the present folder first: it must hold no tree of the program.
    process = subprocess.run(
        command, input=standard_input, capture_output=True, text=True, env=environment, cwd=folder, check=False
    )
    if process.returncode:
        raise SystemExit(f"A job failed: {' '.join(command[:1] + command[3:])}\n{process.stderr}")
    *answer, used = process.stdout.splitlines()
    seconds, peak = map(float, used.split())
    return seconds, peak / 1024, "".join(answer)


def compare(source: Source, file: Path, judge: str | None, folder: Path) -> tuple[str, str]:
    """Computes SSIMULACRA2 and the mean CIEDE2000 of the middle of the picture."""
    with Image.open(file) as image:
        rendered = image.convert("RGB")
    reference = source.picture.resize(rendered.size, Image.Resampling.LANCZOS)
    left, top = (max(0, (side - JUDGED_SIDE) // 2) for side in rendered.size)
    box = (left, top, min(rendered.width, left + JUDGED_SIDE), min(rendered.height, top + JUDGED_SIDE))
    parts = [picture.crop(box) for picture in (reference, rendered)]
    colours = [TO_LAB(np.asarray(part, dtype=np.float64) / 255) for part in parts]
    difference = f"{float(DIFFERENCE(*colours).mean()):.2f}"
    if judge is None:
        return "", difference
    paths = [folder / "reference-part.png", folder / "rendered-part.png"]
    for part, path in zip(parts, paths, strict=True):
        part.save(path)
    answer = subprocess.run([judge, "-c", JUDGE, *map(str, paths)], capture_output=True, text=True, check=True)
    return f"{float(answer.stdout.split()[-1]):.1f}", difference


def _has_sharp(environment: dict[str, str]) -> bool:
    result = subprocess.run(["node", "-e", "require('sharp')"], capture_output=True, env=environment, check=False)
    return result.returncode == 0


@dataclass(frozen=True)
class Bench:
    folder: Path
    feed: Feed
    repeat: int
    environment: dict[str, str]
    judge: str | None
    former: Path | None

    def measure(self, sources: Iterable[Source]) -> None:
        columns = ("source", "tool", "kB", "s", "MiB", "SSIMULACRA2", "CIEDE2000", "load")
        print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
        for source in sources:
            runs: dict[str, list[Outcome]] = {}
            for _ in range(self.repeat):
                for name, outcome in self._render(source):
                    runs.setdefault(name, []).append(outcome)
            for name, outcomes in runs.items():
                self._print(source, name, outcomes)

    def _render(self, source: Source) -> list[tuple[str, Outcome]]:
        """Renders one source with every tool in turn."""
        outcomes = []
        child_variables = child_environment() | {"TMPDIR": str(self.folder)}
        trees = {"publisher": child_variables}
        if self.former:
            trees["publisher, before"] = child_variables | {"PYTHONPATH": str(self.former)}
        answer: dict[str, Any] = {}
        for name, variables in trees.items():
            target = self.folder / name.replace(", ", "-")
            seconds, peak, output = run(ours(source, target, self.feed), variables, self.folder)
            answer = answer or json.loads(json.loads(output)["output"])
            outcomes.append((name, Outcome(seconds, peak, target)))
        tools: dict[str, Callable[[Source, Path, Feed], Job]] = {"Pillow": pillow}
        if shutil.which("node") and _has_sharp(self.environment):
            tools["sharp"] = sharp
        if answer["format"] != "gif":
            tools["one plain pass"] = lambda source, target, feed: plain(source, target, feed, answer)
        for name, tool in tools.items():
            target = self.folder / f"{name}{source.path.suffix}".replace(" ", "-")
            environment = child_variables if name == "one plain pass" else self.environment
            seconds, peak, _ = run(tool(source, target, self.feed), environment, self.folder)
            file = target.with_suffix(f".{answer['format']}") if name == "one plain pass" else target
            outcomes.append((name, Outcome(seconds, peak, file)))
        return outcomes

    def _print(self, source: Source, name: str, outcomes: list[Outcome]) -> None:
        seconds = min(outcome.seconds for outcome in outcomes)
        peak = max(outcome.peak_mb for outcome in outcomes)
        file = outcomes[-1].file
        likeness, difference = compare(source, file, self.judge, self.folder)
        size = file.stat().st_size / 1000
        print(
            f"| {source.name} | {name} | {size:.0f} | {seconds:.2f} | {peak:.0f} | {likeness} | {difference} "
            f"| {os.getloadavg()[0]:.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Renderings of nine pictures, tool by tool.")
    parser.add_argument("--feed", choices=FEEDS, default="small")
    parser.add_argument("--only", default="", help="a part of the names of the sources to measure")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sharp", type=Path, help="the folder whose node_modules holds sharp")
    parser.add_argument("--judge", help="a Python that has the package ssimulacra2")
    parser.add_argument("--former", type=Path, help="an older tree of this program")
    arguments = parser.parse_args()
    environment = dict(os.environ)
    if arguments.sharp:
        environment["NODE_PATH"] = str(arguments.sharp / "node_modules")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        feed = FEEDS[arguments.feed]
        bench = Bench(folder, feed, arguments.repeat, environment, arguments.judge, arguments.former)
        bench.measure(draw_sources(folder, arguments.only))


if __name__ == "__main__":
    main()
