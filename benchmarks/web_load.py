"""How many requests a second the pages bear: `python -m benchmarks.web_load`. Figures are recorded, never asserted.

`publisher web` is a process of its own over an outlet with years of history. Requests for Today and Queue come at a
steady pace, answered or not, at each of the rates in turn; then its memory is looked at. With `--other TREE` another
tree of the program is measured beside it, rate by rate, so that both meet the same machine.
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
    """What came of the requests at one rate."""

    seconds: list[float] = field(default_factory=list)
    """Of those that were answered with the page."""
    statuses: Counter[str] = field(default_factory=Counter)


class Caller:
    """Asks for pages over connections that are used again."""

    def __init__(self, url: str, cookie: str) -> None:
        place = urlsplit(url)
        self._place = (place.hostname, place.port)
        self._head = f"Host: {place.netloc}\r\nCookie: {COOKIE}={cookie}\r\n\r\n"
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._may_open = asyncio.Semaphore(MAX_CONNECTIONS)

    async def ask(self, path: str, begin: float, result: Result) -> None:
        """Asks once; the seconds count from when the request was due."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), self._may_open:
                status = await self._exchange(path)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            result.statuses[type(error).__name__] += 1
            return
        result.statuses[status] += 1
        if status == "200":
            result.seconds.append(time.perf_counter() - begin)

    async def _exchange(self, path: str) -> str:
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection(*self._place)
        writer.write(f"GET {path} HTTP/1.1\r\n{self._head}".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        found = LENGTH.search(head)
        await reader.readexactly(int(found[1]) if found else 0)
        self._free.append((reader, writer))
        return head.split(b" ", 2)[1].decode()

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()
        self._free.clear()


async def load(url: str, cookie: str, rate: float, seconds: float) -> Result:
    caller, result = Caller(url, cookie), Result()
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(caller.ask(PATHS[number % len(PATHS)], due, result))
    caller.close()
    return result


@contextmanager
def _served(desk: Desk, tree: Path) -> Iterator[tuple[str, int]]:
    """`publisher web` of a tree of the program: its address and process id."""
    command = [sys.executable, "-m", "publisher", "--config", str(desk.config), "web", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    address = next(found[1] for line in process.stderr if (found := re.search(r"The desk is at (\S+)", line)))
    try:
        yield address, process.pid
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _resident(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else float("nan")


def _tell(what: str, rate: float, result: Result, memory: float) -> None:
    cuts = statistics.quantiles(result.seconds, n=20, method="inclusive") if len(result.seconds) > 1 else [0.0] * 19
    spread = " | ".join(f"{value * 1000:.0f} ms" for value in (cuts[9], cuts[18], max(result.seconds, default=0.0)))
    statuses = ", ".join(f"{number} × {status}" for status, number in sorted(result.statuses.items()))
    print(f"| {what} | {rate:.0f} | {spread} | {statuses} | {memory:.0f} MiB | {os.getloadavg()[0]:.1f} |", flush=True)


def _measure(trees: Sequence[tuple[str, str, int]], cookie: str, wanted: argparse.Namespace) -> None:
    print("| program | a second | p50 | p95 | worst | answers | memory | load |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for _, url, _ in trees:
        asyncio.run(load(url, cookie, 10, 2))
    for rate in wanted.rates:
        for name, url, pid in trees:
            result = asyncio.run(load(url, cookie, rate, wanted.seconds))
            _tell(name, rate, result, _resident(pid))
    time.sleep(wanted.rest)
    for name, _, pid in trees:
        print(f"{name}: {_resident(pid):.0f} MiB after {wanted.rest:.0f} s of rest")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=int, default=1500)
    parser.add_argument("--queued", type=int, default=200)
    parser.add_argument("--rates", type=float, nargs="+", default=[60, 100, 200, 400])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rest", type=float, default=25.0)
    parser.add_argument("--other", type=Path, help="another tree of the program")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        desk = build_outlet(Path(folder), wanted.published, wanted.queued)
        site = Site.__new__(Site)
        site.desk = desk
        cookie = site.session_token("admin", email=CHIEF)
        trees = []
        for name, tree in (("other", wanted.other), ("this", ROOT)):
            if tree is not None:
                trees.append((name, *stack.enter_context(_served(desk, tree.resolve()))))
        _measure(trees, cookie, wanted)
        desk.database.close()


if __name__ == "__main__":
    main()
