"""Measures an import of posts with 12-megapixel pictures beside the least that it can take.

    python -m benchmarks.importing [--posts NUMBER] [--folder FOLDER]

Draws a JPEG of 4000 x 3000 pixels for each post, no two alike, and a JSON Lines file that names them. The floor reads
each file once, hashes it and decodes it whole with libvips; it is measured before and after the import, on the same
files. The import runs as `publisher import` does: into a new desk on SQLite, each picture inspected, hashed for its
looks, compared with all before it and stored. Memory is that of the process and of its children, when a tenth, a half
and all of the posts were made. `--folder`: where the files are; those that are there already are used again. Nothing is
asserted: read the table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyvips

from publisher.desk import Desk
from publisher.intake.importing import ImportPlaces
from publisher.intake.runs import ImportRequest, open_import
from publisher.schedule.slots import slot_day
from publisher.starter import write_starter

WIDTH, HEIGHT = 4000, 3000
FIRST_DAY = date(2010, 1, 1)
PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=4_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = options.folder or Path(home) / "source"
        files = draw_source(folder, options.posts)
        size = sum(file.stat().st_size for file in files) / 1e6
        print(f"{len(files)} posts, {size / len(files):.1f} MB a picture, load {os.getloadavg()[0]:.1f}", flush=True)
        before = _seconds(lambda: decode_all(files))
        took, memory = import_all(folder / "posts.jsonl", Path(home) / "desk", len(files))
        after = _seconds(lambda: decode_all(files))
    floor = (before + after) / 2
    print(f"floor: {len(files) / before:.1f} and {len(files) / after:.1f} files/s")
    print(f"import: {len(files) / took:.1f} posts/s, {took / floor:.2f} times the floor, load {os.getloadavg()[0]:.1f}")
    print(f"memory at a tenth, a half and all: {', '.join(f'{value / 2**20:.0f} MiB' for value in memory)}")


def draw_source(folder: Path, posts: int) -> list[Path]:
    """Draws the pictures that are not there yet, and writes the file that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:05}.jpg" for number in range(posts)]
    for number, file in enumerate(files):
        if not file.exists():
            _draw(file, number)
    lines = [
        json.dumps({
            "key": f"post {number}", "title": f"Picture {number}", "date": str(FIRST_DAY + timedelta(days=number)),
            "body": f"What the picture number {number} shows. " * 12, "credit": "Jane Doe", "tags": ["cells"],
            "images": [{"file": file.name, "alt": f"Shapes of number {number}"}],
        })
        for number, file in enumerate(files)
    ]  # fmt: skip
    (folder / "posts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return files


def _draw(file: Path, number: int) -> None:
    random = np.random.default_rng(number)
    shapes = pyvips.Image.new_from_array(random.integers(0, 255, (12, 16, 3), dtype=np.uint8))
    large = shapes.resize(WIDTH / 16, vscale=HEIGHT / 12, kernel="cubic")
    grain = pyvips.Image.gaussnoise(WIDTH, HEIGHT, sigma=8, mean=0, seed=number)
    (large + grain).cast("uchar").copy(interpretation="srgb").jpegsave(str(file), Q=90)


def decode_all(files: Sequence[Path]) -> None:
    """Does the least that an import must: reads, hashes and decodes each file."""
    for file in files:
        content = file.read_bytes()
        hashlib.sha256(content).digest()
        pyvips.Image.new_from_buffer(content, "", access="sequential").avg()


def import_all(source: Path, home: Path, posts: int) -> tuple[float, list[int]]:
    """Imports the source into a new desk. Returns the seconds, and the memory on the way."""
    write_starter(home)
    desk = Desk(home / "config" / "publisher.toml")
    places = ImportPlaces(desk.database, desk.store, desk.clock, slot_day(desk.now(), desk.settings.outlet.zone))
    opened = open_import(desk.settings, places, ImportRequest(str(source), "cli:benchmark"))
    memory: list[int] = []
    marks = {max(posts // 10, 1), max(posts // 2, 1), posts}

    def run() -> None:
        for done, _outcome in enumerate(opened.importer.run(opened.read()), start=1):
            if done in marks:
                memory.append(sum(_memory(process) for process in _family()))

    took = _seconds(run)
    if opened.importer.counts.total() != posts or len(opened.importer.counts) != 1:
        sys.exit(f"Not all posts were made: {dict(opened.importer.counts)}")
    desk.database.close()
    return took, memory


def _family() -> Iterator[int]:
    """Yields this process and its children."""
    yield os.getpid()
    for thread in Path("/proc/self/task").iterdir():
        yield from map(int, (thread / "children").read_text(encoding="ascii").split())


def _memory(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * PAGE
    except OSError:
        return 0  # It has ended meanwhile.


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
