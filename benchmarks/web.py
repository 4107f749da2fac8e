"""How quickly the desk's pages are answered: `python -m benchmarks.web`. Figures are recorded, never asserted.

`publisher web` is a process of its own on the first processor, over an outlet with years of history. The requests
come from the last processor at a steady pace, whether or not the earlier ones were answered.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from sqlalchemy import func, select

from benchmarks.web_data import build_outlet
from publisher.db.models import Delivery, Post
from publisher.desk import Desk
from publisher.starter import write_starter
from publisher.web.forms import fields_of_post
from publisher.web.guard import COOKIE, CSRF_HEADER
from tests.desk_site import Client, Site
from tests.full_site import CHIEF
from tests.page_walk import walk

REQUEST_THREADS = 16
"""So many requests may be open at once."""
FOURTH_CHANNEL = """
[channels.catalan]
platform = "tumblr"
account = "imatge-del-dia"
caption = "captions/tumblr.j2"
language = "ca"
missing_translation = "original"
"""
ASSET = re.compile(r'(?:href|src)="(/static/[^"]+\.(?:css|js)\?[^"]*)"')
THUMBNAIL = re.compile(r'src="(/pictures/[^"]+)"')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=int, default=5000)
    parser.add_argument("--queued", type=int, default=200)
    parser.add_argument("--requests", type=int, default=200, help="per page")
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second")
    parser.add_argument("--only", default="", help="measure pages alone whose address has this in it")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        desk = _build(Path(folder), wanted.published, wanted.queued)
        with _served(desk) as (url, process):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            _measure(_Elsewhere(desk, url), process, _Pace(wanted.requests, wanted.rate), wanted.only)
        desk.database.close()


class _Elsewhere(Site):
    """The pages of a desk, served by another process."""

    def __init__(self, desk: Desk, url: str) -> None:
        self.desk = desk
        self.url = url


def _build(folder: Path, published: int, queued: int) -> Desk:
    write_starter(folder)
    config = folder / "config" / "publisher.toml"
    config.write_text(config.read_text(encoding="utf-8") + FOURTH_CHANNEL, encoding="utf-8")
    began = time.perf_counter()
    desk = build_outlet(folder, published, queued)
    with desk.database.reading() as session:
        posts, deliveries = (session.scalar(select(func.count()).select_from(table)) for table in (Post, Delivery))
    print(f"{posts:,} posts and {deliveries:,} deliveries, made in {time.perf_counter() - began:.0f} s\n")
    return desk


@contextmanager
def _served(desk: Desk) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`publisher web`, alone on the first processor as far as other programs let it."""
    command = [sys.executable, "-m", "publisher", "--config", str(desk.config), "web", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
    assert process.stderr is not None
    address = next(found[1] for line in process.stderr if (found := re.search(r"The desk is at (\S+)", line)))
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        yield address, process
    finally:
        process.terminate()
        process.wait(30)


class _Pace:
    """Sends requests at a steady rate and tells how many seconds each one took."""

    def __init__(self, number: int, rate: float) -> None:
        self.number = number
        self._rate = rate

    def seconds(self, ask: Callable[[], object]) -> list[float]:
        begin = time.perf_counter() + 0.1

        def at_its_time(turn: int) -> float:
            time.sleep(max(0.0, begin + turn / self._rate - time.perf_counter()))
            sent = time.perf_counter()
            ask()
            return time.perf_counter() - sent

        with ThreadPoolExecutor(REQUEST_THREADS) as hands:
            return list(hands.map(at_its_time, range(self.number)))


class _Asker:
    """A bare browser with a connection for each request: what it takes itself is measured, too."""

    def __init__(self, client: Client) -> None:
        self._place = urlsplit(client.base).netloc
        cookie = client.cookies.get(COOKIE)
        self._headers = {"Origin": client.base, CSRF_HEADER: client.csrf, "Cookie": f"{COOKIE}={cookie}"}

    def ask(self, path: str, form: str | None = None) -> bytes:
        headers = self._headers | ({"Content-Type": "application/x-www-form-urlencoded"} if form else {})
        with closing(http.client.HTTPConnection(self._place, timeout=60)) as connection:
            connection.request("POST" if form else "GET", path, body=form, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{path} answered {answer.status}")
        return body


def _measure(site: Site, process: subprocess.Popen[str], pace: _Pace, only: str) -> None:
    inside, outside = _Asker(site.client("admin", email=CHIEF)), _Asker(site.client())
    print("| what | bytes | processor | p50 | p95 | worst | load |\n| --- | --- | --- | --- | --- | --- | --- |")

    def tell(what: str, size: int, measured: Callable[[], list[float]]) -> None:
        before = _processor_seconds(process.pid)
        seconds = measured()
        used = (_processor_seconds(process.pid) - before) / len(seconds)
        print(f"| {what} | {size / 1000:.1f} kB | {used * 1000:.0f} ms | {_spread(seconds)} |", flush=True)

    pages, _ = walk(site)
    for page in pages:
        if only not in page.path:
            continue
        asker = outside if page.is_public else inside
        tell(f"`{page.path}`", len(asker.ask(page.path)), partial(pace.seconds, partial(asker.ask, page.path)))
    if only:
        return
    preview = partial(inside.ask, "/preview", _form(site))
    tell(f"preview on {len(site.desk.settings.channels)} channels", len(preview()), partial(pace.seconds, preview))
    thumbnails = dict.fromkeys(THUMBNAIL.findall(inside.ask("/queue").decode()))
    made = [_seconds(partial(inside.ask, path)) for path in thumbnails]
    print(f"| one of {len(made)} thumbnails, made for the first time | | | {_spread(made)} |")
    first = inside.ask("/").decode()
    assets = sum(len(inside.ask(asset)) for asset in set(ASSET.findall(first)))
    print(f"\nThe first page with its styles and scripts: {(len(first.encode()) + assets) / 1000:.0f} kB.")
    print(f"Resident memory of `publisher web` at its highest: {_peak(process.pid):.0f} MiB.")


def _seconds(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


def _form(site: Site) -> str:
    """What the editor of a waiting post sends for its preview."""
    desk = site.desk
    with desk.database.reading() as session:
        post = session.scalars(select(Post).where(Post.state == "draft").limit(1)).one()
        return urlencode(fields_of_post(post, ["ca"], desk.settings.outlet.zone))


def _spread(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    told = " | ".join(f"{each * 1000:.0f} ms" for each in (statistics.median(seconds), cuts[-1], max(seconds)))
    return f"{told} | {os.getloadavg()[0]:.1f}"


def _processor_seconds(pid: int) -> float:
    """What a process has used of the processor: whoever else is busy hardly changes it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else float("nan")


if __name__ == "__main__":
    main()
