"""Measures the outlet's site: `python -m benchmarks.public_site`.

The site alone is a process of its own on one core, over an outlet with thousands of published posts. Requests come at a
steady pace, from the other cores, without waiting for answers: for the start page, and for days at random, each of
which is asked for about once. Then the whole site is written as files, without its pictures, and written again.
Figures are recorded, never asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from benchmarks.web_data import build_outlet
from benchmarks.web_load import Result, load, resident
from publisher.db.models import Pick
from publisher.desk import Desk

SECTION = '[site]\nenabled = true\nport = 0\naddress = "https://pictures.example.org"\n'
SEARCH_RATE = 0.3
"""Searches a second: one visitor may ask for no more."""


@contextmanager
def _served(desk: Desk) -> Iterator[tuple[str, int]]:
    """Runs the site on one core; yields its address and process id."""
    cores = os.sched_getaffinity(0)
    command = [sys.executable, "-m", "publisher", "--config", str(desk.config), "run", "--role", "site"]
    os.sched_setaffinity(0, {min(cores)})
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    os.sched_setaffinity(0, cores - {min(cores)} or cores)
    assert process.stderr is not None
    address = next(match[0] for line in process.stderr if (match := re.search(r"http://127\.0\.0\.1:\d+", line)))
    try:
        yield address, process.pid
    finally:
        process.terminate()
        process.communicate(timeout=60)
        os.sched_setaffinity(0, cores)


def _measure_pages(desk: Desk, rate: float, seconds: float) -> None:
    with desk.database.reading() as session:
        days = list(session.scalars(select(Pick.slot).where(Pick.post_id.is_not(None))))
    paths = [f"/archive/{day.year}/{day.month}/{day.day}" for day in days]
    random.Random(5).shuffle(paths)
    plan: tuple[tuple[str, float, float, Sequence[str]], ...] = (
        ("the first page after the start", 1, 1, ["/"]),
        ("the first list", 1, 1, ["/archive"]),
        ("the start page", rate, seconds, ["/"]),
        ("days of which 200 are asked for", rate, seconds, paths[:200]),
        ("days, each another one", rate, seconds, paths[200:]),
        ("lists: months, tags, writers", rate, seconds, _lists(paths)),
        ("unknown addresses", rate, seconds, ["/none"]),
        ("a search", SEARCH_RATE, seconds, ["/search?q=cells"]),
    )
    with _served(desk) as (url, pid):
        print("| what | a second | processor | p50 | p95 | worst | answers | memory | load |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for name, often, duration, asked in plan:
            before = _processor_seconds(pid)
            result = asyncio.run(load(url, "", often, duration, asked))
            _print_row(f"{name} | {often:g}", result, _processor_seconds(pid) - before, pid)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print_row(name: str, result: Result, processor: float, pid: int) -> None:
    cuts = statistics.quantiles(result.seconds, n=20, method="inclusive") if len(result.seconds) > 1 else [0.0] * 19
    spread = " | ".join(f"{value * 1000:.0f} ms" for value in (cuts[9], cuts[18], max(result.seconds, default=0.0)))
    each = processor * 1000 / max(1, result.statuses.total())
    statuses = ", ".join(f"{number} × {status}" for status, number in sorted(result.statuses.items()))
    memory, at_load = resident(pid), os.getloadavg()[0]
    print(f"| {name} | {each:.1f} ms | {spread} | {statuses} | {memory:.0f} MiB | {at_load:.1f} |", flush=True)


def _lists(paths: list[str]) -> list[str]:
    months = sorted({path.rpartition("/")[0] for path in paths})
    return ["/archive", *months, "/tags/microscopy", "/links", "/feed.xml", "/sitemap.xml"]


def _measure_export(desk: Desk, folder: Path) -> None:
    print("| export | seconds | files | highest memory |")
    print("| --- | --- | --- | --- |")
    command = [sys.executable, "-m", "publisher", "--config", str(desk.config)]
    command += ["site", "export", str(folder), "--without-pictures", "--json"]
    for name in ("into an empty folder", "again, nothing has changed"):
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            result = json.loads(process.stdout.read())
            _pid, _status, usage = os.wait4(process.pid, 0)
            process.returncode = 0
        seconds = time.perf_counter() - start
        files = f"{result['written']:,} written, {result['unchanged']:,} unchanged"
        print(f"| {name} | {seconds:.0f} s | {files} | {usage.ru_maxrss / 1024:.0f} MiB |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--folder", type=Path, help="where the outlet is made, and taken from by the next run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        desk = _open_outlet(arguments.folder or Path(folder) / "outlet", arguments.published)
        _measure_pages(desk, arguments.rate, arguments.seconds)
        _measure_export(desk, Path(folder) / "public")
        desk.database.close()


def _open_outlet(folder: Path, published: int) -> Desk:
    config = folder / "config" / "publisher.toml"
    if config.exists():
        return Desk(config)
    desk = build_outlet(folder, published, queued=100)
    config.write_text(config.read_text(encoding="utf-8").replace("[site]\n", SECTION), encoding="utf-8")
    return desk


if __name__ == "__main__":
    main()
