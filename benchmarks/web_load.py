"""Measures how many requests a second the pages can answer: `python -m benchmarks.web_load`.

`publisher web` is a process of its own over an outlet with years of history. Requests for Today and Queue come at a
steady pace, without waiting for answers, at each of the rates in turn; then its memory is measured. With `--other TREE`
another tree of the program is measured beside it, rate by rate, so that both run under the same conditions.
Figures are recorded, never asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.web_data import build_outlet
from publisher.desk import Desk
from publisher.web.guard import COOKIE
from tests.desk_site import Site
from tests.full_site import CHIEF

ROOT = Path(__file__).parents[1]
MAX_CONNECTIONS = 200
TIMEOUT_SECONDS = 30.0
PATHS = ("/", "/queue")
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Result:
    """Holds the results of the requests at one rate."""

    seconds: list[float] = field(default_factory=list)
    """Of the requests that were answered with the page."""
    statuses: Counter[str] = field(default_factory=Counter)


class PageCaller:
    """Requests pages over connections that are used again."""

    def __init__(self, url: str, cookie: str) -> None:
        address_parts = urlsplit(url)
        self._address = (address_parts.hostname, address_parts.port)
        cookies = f"Cookie: {COOKIE}={cookie}\r\n" if cookie else ""
        self._head = f"Host: {address_parts.netloc}\r\n{cookies}\r\n"
        self._idle_connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open_limit = asyncio.Semaphore(MAX_CONNECTIONS)

    async def ask(self, path: str, start: float, result: Result) -> None:
        """Sends one request; its seconds count from when it was due."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), self._open_limit:
                status = await self._exchange(path)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            result.statuses[type(error).__name__] += 1
            return
        result.statuses[status] += 1
        if status == "200":
            result.seconds.append(time.perf_counter() - start)

    async def _exchange(self, path: str) -> str:
        reader, writer = (
            self._idle_connections.pop() if self._idle_connections else await asyncio.open_connection(*self._address)
        )
        writer.write(f"GET {path} HTTP/1.1\r\n{self._head}".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        match = LENGTH.search(head)
        await reader.readexactly(int(match[1]) if match else 0)
        self._idle_connections.append((reader, writer))
        return head.split(b" ", 2)[1].decode()

    def close(self) -> None:
        for _, writer in self._idle_connections:
            writer.close()
        self._idle_connections.clear()


async def load(url: str, cookie: str, rate: float, seconds: float, paths: Sequence[str] = PATHS) -> Result:
    """Asks for the paths in turn. No cookie: nobody is logged in."""
    caller, result = PageCaller(url, cookie), Result()
    start = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(caller.ask(paths[number % len(paths)], due, result))
    caller.close()
    return result


@contextmanager
def _served(desk: Desk, tree: Path) -> Iterator[tuple[str, int]]:
    """Runs `publisher web` from a tree of the program; yields its address and process id."""
    command = [sys.executable, "-m", "publisher", "--config", str(desk.config), "web", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    address = next(match[1] for line in process.stderr if (match := re.search(r"The desk is at (\S+)", line)))
    try:
        yield address, process.pid
    finally:
        process.terminate()
        process.communicate(timeout=60)


def resident(pid: int) -> float:
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return int(match[1]) / 1024 if match else float("nan")


def _print_row(program: str, rate: float, result: Result, memory: float) -> None:
    cuts = statistics.quantiles(result.seconds, n=20, method="inclusive") if len(result.seconds) > 1 else [0.0] * 19
    spread = " | ".join(f"{value * 1000:.0f} ms" for value in (cuts[9], cuts[18], max(result.seconds, default=0.0)))
    statuses = ", ".join(f"{number} × {status}" for status, number in sorted(result.statuses.items()))
    print(
        f"| {program} | {rate:.0f} | {spread} | {statuses} | {memory:.0f} MiB | {os.getloadavg()[0]:.1f} |", flush=True
    )


def _measure(trees: Sequence[tuple[str, str, int]], cookie: str, arguments: argparse.Namespace) -> None:
    print("| program | a second | p50 | p95 | worst | answers | memory | load |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for _, url, _ in trees:
        asyncio.run(load(url, cookie, 10, 2))
    for rate in arguments.rates:
        for name, url, pid in trees:
            result = asyncio.run(load(url, cookie, rate, arguments.seconds))
            _print_row(name, rate, result, resident(pid))
    time.sleep(arguments.rest)
    for name, _, pid in trees:
        print(f"{name}: {resident(pid):.0f} MiB after {arguments.rest:.0f} s of rest")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=int, default=1500)
    parser.add_argument("--queued", type=int, default=200)
    parser.add_argument("--rates", type=float, nargs="+", default=[60, 100, 200, 400])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rest", type=float, default=25.0)
    parser.add_argument("--other", type=Path, help="another tree of the program")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        desk = build_outlet(Path(folder), arguments.published, arguments.queued)
        site = Site.__new__(Site)
        site.desk = desk
        cookie = site.session_token("admin", email=CHIEF)
        trees = []
        for name, tree in (("other", arguments.other), ("this", ROOT)):
            if tree is not None:
                trees.append((name, *stack.enter_context(_served(desk, tree.resolve()))))
        _measure(trees, cookie, arguments)
        desk.database.close()


if __name__ == "__main__":
    main()
