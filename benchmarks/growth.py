"""Measures pages and commands over a desk that has grown: `python -m benchmarks.growth`. Recorded, never asserted.

Each request asks for a page that was not made before: a number in its address keeps it out of the cache of pages.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import select

from benchmarks.growth_data import build_large_outlet
from benchmarks.start_up import seconds_of
from benchmarks.web import _PageClient, _processor_seconds, _served, _ServedSite
from publisher.db.staff import Person
from publisher.desk import Desk
from publisher.proving.postgres import ThrowawayPostgres
from publisher.staff.api_tokens import LIFETIME_DAYS, new_api_token
from publisher.staff.roles import Permission
from tests.full_site import CHIEF

PAGES = (
    "/", "/queue", "/queue?page=100", "/queue?state=draft", "/queue?state=problems", "/queue?place=reserve",
    "/queue?text=cells", "/queue?text=nowhere", "/calendar", "/calendar?month=2027-05", "/posts", "/posts?state=draft",
    "/posts?text=cells", "/posts?text=nowhere", "/deliveries", "/deliveries?state=published",
    "/deliveries?state=failed", "/deliveries?channel=x&state=published", "/deliveries?text=nowhere",
    "/deliveries?text=cells", "/api/v1/queue", "/api/v1/calendar", "/metrics",
)  # fmt: skip
COMMANDS = (
    "--version", "log 1", "queue", "queue --json", "deliveries", "deliveries --state published",
    "deliveries --state failed", "move {post} --front", "doctor",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--published", type=int, default=400_000)
    parser.add_argument("--on", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="a desk that was made here before, or a folder to make it in")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        desk = stack.enter_context(_desk(folder, arguments.waiting, arguments.published, arguments.on))
        print("| what | bytes | processor | median | worst |\n| --- | --- | --- | --- | --- |")
        for row in (*_pages(desk, arguments.repeat), *_commands(desk, folder, arguments.repeat)):
            print(row, flush=True)


@contextmanager
def _desk(folder: Path, waiting: int, published: int, on: str) -> Iterator[Desk]:
    config = folder / "config" / "publisher.toml"
    with ExitStack() as stack:
        if config.exists():
            desk = Desk(config)
        else:
            database = ""
            if on == "postgresql":
                database = stack.enter_context(ThrowawayPostgres()).create_database()
            desk = build_large_outlet(folder, waiting=waiting, published=published, database=database)
        yield desk
        desk.database.close()


def _pages(desk: Desk, repeat: int) -> Iterator[str]:
    with _served(desk) as (url, process):
        client = _PageClient(_ServedSite(desk, url).client("admin", email=CHIEF))
        token = _program_token(desk)
        for page in PAGES:
            seconds, size, used = [], 0, 0.0
            for number in range(repeat + 1):
                if number == 1:
                    # The first one may fill a cache.
                    used = _processor_seconds(process.pid)
                path = f"{page}{'&' if '?' in page else '?'}n={number}"
                started_at = time.perf_counter()
                try:
                    size = len(client.request_once(path, token=token if page.startswith("/api/") else ""))
                except RuntimeError as error:
                    print(error)
                    break
                seconds.append(time.perf_counter() - started_at)
            if seconds[1:]:
                used = (_processor_seconds(process.pid) - used) / len(seconds[1:])
                yield _row(page, f"{size / 1000:.1f} kB", used, seconds[1:])


def _program_token(desk: Desk) -> str:
    """Makes a token with which a program reads the queue."""
    with desk.database.reading() as session:
        person = session.scalars(select(Person.id).where(Person.email == CHIEF)).one()
    return new_api_token(desk.database, person, "growth", (Permission.READ,), days=LIFETIME_DAYS[0], now=desk.now())


def _commands(desk: Desk, folder: Path, repeat: int) -> Iterator[str]:
    for command in COMMANDS:
        line = ["-m", "publisher", "--config", str(desk.config), *command.format(post=90_000).split()]
        seconds = [seconds_of(line, folder) for _run in range(max(3, repeat // 3))]
        # Of commands, all times are those of the processor.
        yield _row(f"publisher {command}", "", statistics.mean(seconds), seconds)


def _row(name: str, size: str, processor: float, seconds: list[float]) -> str:
    times = f"{processor * 1000:.0f} ms | {statistics.median(seconds) * 1000:.0f} ms | {max(seconds) * 1000:.0f} ms"
    return f"| `{name}` | {size} | {times} |"


if __name__ == "__main__":
    main()
