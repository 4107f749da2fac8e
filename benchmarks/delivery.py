"""Measures how fast posts are published, also with a long history: `python -m benchmarks.delivery`.

Figures are recorded, never asserted; the load of the machine is printed beside each. `--celery PYTHON`
names a Python with `celery[redis]`.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session, joinedload

from benchmarks.drainer import make_worker
from benchmarks.engines import CHANNELS, Measured, celery_jobs, deliveries, procrastinate_jobs
from benchmarks.history import CHANNELS as OLD_CHANNELS
from benchmarks.history import add_channels, add_due, add_history
from publisher.core.clock import SystemClock
from publisher.core.logs import configure_logs
from publisher.core.states import State
from publisher.db.models import Delivery, Event, Pick
from publisher.db.session import Database
from publisher.db.upgrade import prepare_database
from publisher.delivery.claim import claim
from publisher.delivery.dispatch import ThreadDispatcher
from publisher.delivery.due import due_channels, miss_expired, recover_lost
from publisher.health.measures import read_metrics
from publisher.lifecycle import Move, move
from publisher.proving.postgres import ThrowawayPostgres
from publisher.schedule.choice import choose_post
from publisher.scheduler import Callbacks, Scheduler
from publisher.settings import load_settings
from tests.fakes import FakePlatform

CONFIG = Path(__file__).parents[1] / "config" / "publisher.toml"
RUNS = 50
FLUSH_SECONDS = 2.0
ROWS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=1000)
    parser.add_argument("--past", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--late", type=int, default=200, help="posts whose lateness is measured")
    parser.add_argument("--celery", type=Path)
    arguments = parser.parse_args()
    configure_logs(stream=sys.stderr)
    print("| what | measured | load |\n| --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder, ThrowawayPostgres() as server:
        for what, measured in _rows(arguments, Databases(Path(folder), server)):
            print(f"| {what} | {measured} | {os.getloadavg()[0]:.1f} |", flush=True)


class Databases:
    """Creates new, empty databases."""

    def __init__(self, folder: Path, server: ThrowawayPostgres) -> None:
        self.folder = folder
        self._server = server
        self._files = 0

    def sqlite(self) -> str:
        self._files += 1
        return self._prepared(f"sqlite:///{self.folder / f'{self._files}.db'}")

    def postgres(self) -> str:
        return self._prepared(self._server.create_database())

    def _prepared(self, url: str) -> str:
        prepare_database(url, backups=self.folder, now=datetime.now(UTC))
        return url

    def empty(self) -> str:
        return self._server.create_database()


def _rows(arguments: argparse.Namespace, databases: Databases) -> Iterator[Measured]:
    yield flushes(databases.folder)
    for database_name, url in (("SQLite", databases.sqlite()), ("PostgreSQL", databases.postgres())):
        yield f"a row inserted, then changed, {database_name}", bare_rows(url)
    yield deliveries(databases.sqlite(), arguments.deliveries, 1)
    for processes in (1, 2, 4):
        yield deliveries(databases.postgres(), arguments.deliveries, processes)
    for processes in (1, 2, 4):
        yield procrastinate_jobs(databases.empty(), arguments.deliveries, processes)
    for durable in (False, True):
        for processes in (1, 2, 4):
            yield celery_jobs(arguments.celery, arguments.deliveries, processes, durable=durable)
    for database_name, url in (("SQLite", databases.sqlite()), ("PostgreSQL", databases.postgres())):
        yield f"a due post is public late by, {database_name}", lateness(url, arguments.late)
    for database_name, url in (("SQLite", databases.sqlite()), ("PostgreSQL", databases.postgres())):
        yield from ((f"{what}, {database_name}", measured) for what, measured in with_history(url, arguments))


def flushes(folder: Path) -> Measured:
    """Measures the disk: 4 KiB appended and flushed, one after the other."""
    flush_count = 0
    with (folder / "flushed").open("wb", buffering=0) as file:
        end = time.perf_counter() + FLUSH_SECONDS
        while time.perf_counter() < end:
            file.write(b"\0" * 4096)
            os.fsync(file.fileno())
            flush_count += 1
    return "4 KiB appended and flushed", f"{flush_count / FLUSH_SECONDS:.0f} per second"


def bare_rows(url: str) -> str:
    database = Database.open(url)
    started_at = time.perf_counter()
    for number in range(ROWS):
        with database.writing() as session:
            row = session.scalars(insert(Event).returning(Event.id), [_event(number)]).one()
        with database.writing() as session:
            session.execute(update(Event).where(Event.id == row).values(actor="somebody else"))
    database.close()
    return f"{ROWS / (time.perf_counter() - started_at):.0f} per second"


def _event(number: int) -> dict[str, object]:
    return {"at": datetime.now(UTC), "name": f"event {number}", "actor": "somebody", "detail": {}}


def lateness(url: str, count: int) -> str:
    """Measures from when a post is due until it is recorded as published, with scheduler and worker in one process."""
    database = Database.open(url)
    with database.writing() as session:
        add_channels(session, CHANNELS)
    generator = random.Random(20260504)
    now = datetime.now(UTC)
    add_due(
        database, CHANNELS, [now + timedelta(seconds=2 + generator.random() * count / 4) for _ in range(count)], now
    )
    dispatcher = ThreadDispatcher(make_worker(database, FakePlatform()).drain, threads=8)
    scheduler = Scheduler(
        database, SystemClock(), Callbacks(pick=_nothing, kick=dispatcher.kick), first_look_up=timedelta(seconds=10)
    )
    scheduler.start()
    latenesses: list[float] = []
    while len(latenesses) < count:
        time.sleep(1)
        with database.reading() as session:
            rows = session.execute(
                select(Delivery.scheduled_at, Delivery.published_at).where(Delivery.state == "published")
            )
            latenesses = sorted((public - due).total_seconds() for due, public in rows if public)
    scheduler.stop()
    dispatcher.stop()
    database.close()
    p99 = latenesses[int(len(latenesses) * 0.99) - 1]
    return f"{statistics.median(latenesses):.2f} s (p99 {p99:.2f} s, worst {latenesses[-1]:.2f} s)"


def _nothing() -> None:
    """Picks nothing: the benchmark adds due deliveries itself."""


def with_history(url: str, arguments: argparse.Namespace) -> Iterator[Measured]:
    database = Database.open(url)
    now = datetime.now(UTC)
    started_at = time.perf_counter()
    add_history(database, past=arguments.past, waiting=arguments.waiting, now=now)
    yield (
        f"making {arguments.past:,} past and {arguments.waiting:,} waiting deliveries",
        f"{time.perf_counter() - started_at:.0f} s",
    )
    settings = load_settings(CONFIG)
    later = now + timedelta(days=2)

    def listing(session: Session) -> object:
        newest_first = (Pick.slot.desc(), Delivery.channel_name, Delivery.part)
        query = select(Delivery).join(Pick).options(joinedload(Delivery.pick)).order_by(*newest_first).limit(30)
        return session.scalars(query).all()

    yield "picking", spread(reading(database, lambda session: choose_post(session, now.date(), now, settings.reserve)))
    yield "a tick: what is due, too late or lost", spread(lambda: tick(database, now))
    yield "claiming", spread(Claiming(database, later))
    yield "the newest 30 deliveries", spread(reading(database, listing))
    yield "a scrape of /metrics", spread(reading(database, lambda session: list(read_metrics(session, settings, now))))
    before = resident()
    for _ in range(1000):
        tick(database, now)
    yield "memory after 1,000 ticks more", f"{resident():.0f} MiB ({resident() - before:+.1f})"
    database.close()


def reading(database: Database, ask: Callable[[Session], object]) -> Callable[[], float]:
    def timed() -> float:
        started_at = time.perf_counter()
        with database.reading() as session:
            ask(session)
        return time.perf_counter() - started_at

    return timed


def tick(database: Database, now: datetime) -> float:
    started_at = time.perf_counter()
    recover_lost(database, now, timedelta(seconds=10), lambda _owner: False)
    miss_expired(database, now)
    with database.reading() as session:
        due_channels(session, now)
    return time.perf_counter() - started_at


class Claiming:
    """Measures claims; each claimed delivery is released again, which is not measured."""

    def __init__(self, database: Database, now: datetime) -> None:
        self._database = database
        self._now = now
        self._turn = 0

    def __call__(self) -> float:
        self._turn += 1
        channel = OLD_CHANNELS[self._turn % len(OLD_CHANNELS)]
        started_at = time.perf_counter()
        claimed = claim(self._database, channel, owner="me", now=self._now, lease=timedelta(seconds=30))
        seconds = time.perf_counter() - started_at
        if claimed is None:
            raise RuntimeError(f"nothing was due on {channel}")
        with self._database.writing() as session:
            move(session, claimed.id, Move(State.PREPARING, State.PENDING), fence=claimed.fence, now=self._now)
        return seconds


def spread(measure_once: Callable[[], float]) -> str:
    first, *others = (measure_once() * 1000 for _ in range(RUNS + 1))
    return f"{statistics.median(others):.2f} ms (worst {max(others):.2f} ms of {RUNS}, the very first {first:.0f} ms)"


def resident() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else float("nan")


if __name__ == "__main__":
    main()
