"""Measures how quickly the desk's pages are answered: `python -m benchmarks.web`. Figures are recorded, never asserted.

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
"""The most requests that are open at once."""
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
    parser.add_argument("--only", default="", help="measure only pages whose address contains this")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        desk = _build(Path(folder), arguments.published, arguments.queued)
        with _served(desk) as (url, process):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            _measure(
                _ServedSite(desk, url), process, _SteadyRequests(arguments.requests, arguments.rate), arguments.only
            )
        desk.database.close()


class _ServedSite(Site):
    """Describes the pages of a desk that another process serves."""

    def __init__(self, desk: Desk, url: str) -> None:
        self.desk = desk
        self.url = url


def _build(folder: Path, published: int, queued: int) -> Desk:
    write_starter(folder)
    config = folder / "config" / "publisher.toml"
    config.write_text(config.read_text(encoding="utf-8") + FOURTH_CHANNEL, encoding="utf-8")
    started_at = time.perf_counter()
    desk = build_outlet(folder, published, queued)
    with desk.database.reading() as session:
        posts, deliveries = (session.scalar(select(func.count()).select_from(table)) for table in (Post, Delivery))
    print(f"{posts:,} posts and {deliveries:,} deliveries, made in {time.perf_counter() - started_at:.0f} s\n")
    return desk


@contextmanager
def _served(desk: Desk) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Runs `publisher web` on the first processor only."""
    command = [sys.executable, "-m", "publisher", "--config", str(desk.config), "web", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
    assert process.stderr is not None
    address = next(match[1] for line in process.stderr if (match := re.search(r"The desk is at (\S+)", line)))
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        yield address, process
    finally:
        process.terminate()
        process.wait(30)


class _SteadyRequests:
    """Sends requests at a steady rate and measures the seconds that each took."""

    def __init__(self, count: int, rate: float) -> None:
        self.count = count
        self._rate = rate

    def seconds(self, request_once: Callable[[], object]) -> list[float]:
        first_at = time.perf_counter() + 0.1

        def at_its_time(turn: int) -> float:
            time.sleep(max(0.0, first_at + turn / self._rate - time.perf_counter()))
            sent = time.perf_counter()
            request_once()
            return time.perf_counter() - sent

        with ThreadPoolExecutor(REQUEST_THREADS) as threads:
            return list(threads.map(at_its_time, range(self.count)))


class _PageClient:
    """Sends requests over a connection for each; its own time is measured, too."""

    def __init__(self, client: Client) -> None:
        self._address = urlsplit(client.base).netloc
        cookie = client.cookies.get(COOKIE)
        self._headers = {"Origin": client.base, CSRF_HEADER: client.csrf, "Cookie": f"{COOKIE}={cookie}"}

    def request_once(self, path: str, form: str | None = None, *, token: str = "") -> bytes:
        """Returns the body of an answer. `token`: that of a program, in place of the person's session."""
        headers = {"Authorization": f"Bearer {token}"} if token else self._headers
        headers = headers | ({"Content-Type": "application/x-www-form-urlencoded"} if form else {})
        with closing(http.client.HTTPConnection(self._address, timeout=60)) as connection:
            connection.request("POST" if form else "GET", path, body=form, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{path} answered {answer.status}")
        return body


def _measure(site: Site, process: subprocess.Popen[str], steady_requests: _SteadyRequests, only: str) -> None:
    signed_in, signed_out = _PageClient(site.client("admin", email=CHIEF)), _PageClient(site.client())
    print("| what | bytes | processor | p50 | p95 | worst | load |\n| --- | --- | --- | --- | --- | --- | --- |")

    def print_row(label: str, size: int, measured: Callable[[], list[float]]) -> None:
        before = _processor_seconds(process.pid)
        seconds = measured()
        used = (_processor_seconds(process.pid) - before) / len(seconds)
        print(f"| {label} | {size / 1000:.1f} kB | {used * 1000:.0f} ms | {_spread(seconds)} |", flush=True)

    pages, _ = walk(site)
    for page in pages:
        if only not in page.path:
            continue
        client = signed_out if page.is_public else signed_in
        print_row(
            f"`{page.path}`",
            len(client.request_once(page.path)),
            partial(steady_requests.seconds, partial(client.request_once, page.path)),
        )
    if only:
        return
    preview = partial(signed_in.request_once, "/preview", _form(site))
    print_row(
        f"preview on {len(site.desk.settings.channels)} channels",
        len(preview()),
        partial(steady_requests.seconds, preview),
    )
    thumbnails = dict.fromkeys(THUMBNAIL.findall(signed_in.request_once("/queue").decode()))
    thumbnail_seconds = [_seconds(partial(signed_in.request_once, path)) for path in thumbnails]
    print(f"| one of {len(thumbnail_seconds)} thumbnails, made for the first time | | | {_spread(thumbnail_seconds)} |")
    first = signed_in.request_once("/").decode()
    assets = sum(len(signed_in.request_once(asset)) for asset in set(ASSET.findall(first)))
    print(f"\nThe first page with its styles and scripts: {(len(first.encode()) + assets) / 1000:.0f} kB.")
    print(f"Resident memory of `publisher web` at its highest: {_peak(process.pid):.0f} MiB.")


def _seconds(request_once: Callable[[], object]) -> float:
    started_at = time.perf_counter()
    request_once()
    return time.perf_counter() - started_at


def _form(site: Site) -> str:
    """Returns the form that the editor of a draft sends for its preview."""
    desk = site.desk
    with desk.database.reading() as session:
        post = session.scalars(select(Post).where(Post.state == "draft").limit(1)).one()
        return urlencode(fields_of_post(post, ["ca"], desk.settings.outlet.zone))


def _spread(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    times = " | ".join(f"{value * 1000:.0f} ms" for value in (statistics.median(seconds), cuts[-1], max(seconds)))
    return f"{times} | {os.getloadavg()[0]:.1f}"


def _processor_seconds(pid: int) -> float:
    """Returns the processor seconds that a process has used, which other programs hardly change."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return int(match[1]) / 1024 if match else float("nan")


if __name__ == "__main__":
    main()
