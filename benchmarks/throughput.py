"""Measures how fast one thread delivers, with and without the product: `python -m benchmarks.throughput`.

Three programs do the same in one run, each into a database of its own: the worker, with a platform in memory and posts
without pictures; a prototype that moves a row through the same states by SQLAlchemy's Core; and the bare driver. These
two take three durable transactions for each delivery. The worker takes two, since the record of a delivery and the
claim of the next one are one, and flushes the history file. Figures are recorded, never asserted.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import make_url

from benchmarks.drainer import make_worker
from benchmarks.history import add_channels, add_due
from publisher.core.logs import configure_logs
from publisher.db.history import History
from publisher.db.session import Database
from publisher.db.upgrade import prepare_database
from publisher.lifecycle import ATTEMPTS, DELIVERIES, EVENTS
from publisher.proving.postgres import ThrowawayPostgres
from tests.fakes import FakePlatform

CHANNEL = "busy"
STATES = ("preparing", "publishing", "published")


@dataclass(frozen=True, slots=True)
class Pace:
    """Holds the time that repeated work took."""

    count: int
    seconds: float
    processor: float

    def __str__(self) -> str:
        return f"{self.count / self.seconds:.0f} per second ({self.processor / self.count * 1000:.2f} ms processor)"


class StopWatch:
    def __init__(self) -> None:
        self._started_at, self._processor = time.perf_counter(), time.process_time()

    def stop(self, count: int) -> Pace:
        return Pace(count, time.perf_counter() - self._started_at, time.process_time() - self._processor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=1000)
    parser.add_argument("--waiting", type=int, default=1000, help="deliveries that wait besides, in one more row")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    arguments = parser.parse_args()
    configure_logs(stream=open(os.devnull, "w"))  # noqa: SIM115 - every line is written, and not read
    print("| what | SQLite | PostgreSQL | load |\n| --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder, ThrowawayPostgres() as server:
        for number, (label, measure) in enumerate(_rows(arguments)):
            paces = {"sqlite": "", "postgresql": ""}
            for backend in [backend for backend in paces if arguments.only in (None, backend)]:
                url = f"sqlite:///{folder}/{number}.db" if backend == "sqlite" else server.create_database()
                prepare_database(url, backups=Path(folder), now=datetime.now(UTC))
                paces[backend] = str(measure(url))
            print(f"| {label} | {paces['sqlite']} | {paces['postgresql']} | {os.getloadavg()[0]:.1f} |", flush=True)


def _rows(arguments: argparse.Namespace) -> Iterator[tuple[str, Callable[[str], Pace]]]:
    count, waiting = arguments.deliveries, arguments.waiting
    yield "the bare driver, three transactions each", lambda url: by_driver(url, count)
    yield "the prototype: the same states by Core", lambda url: by_core(url, count)
    yield f"deliveries, {count} due", lambda url: by_worker(url, count, 0)
    yield f"deliveries, {count} due, {waiting} waiting besides", lambda url: by_worker(url, count, waiting)


def _database_with(url: str, count: int, waiting: int) -> Database:
    database = Database.open(url)
    now = datetime.now(UTC)
    with database.writing() as session:
        add_channels(session, [CHANNEL])
    dues = [now - timedelta(minutes=1)] * count + [now + timedelta(hours=9)] * waiting
    add_due(database, [CHANNEL], dues, now)
    return database


def by_worker(url: str, count: int, waiting: int) -> Pace:
    database = _database_with(url, count, waiting)
    platform = FakePlatform()
    worker = make_worker(database, platform)
    with tempfile.TemporaryDirectory() as folder:
        # As on a desk: each intent to publish is recorded in the file beside the database and flushed.
        database.history = History(url, Path(folder))
        database.history.begin(database.engine, datetime.now(UTC))
        watch = StopWatch()
        worker.drain(CHANNEL)
        pace = watch.stop(count)
    database.close()
    if len(platform.posts) != count:
        raise RuntimeError(f"{len(platform.posts)} posts were made of {count} deliveries")
    return pace


def by_core(url: str, count: int) -> Pace:
    """Measures the same rows and transactions with SQLAlchemy's Core and no checks."""
    database = _database_with(url, count, 0)
    with database.reading() as session:
        numbers = list(session.scalars(select(DELIVERIES.c.id)))
    change = update(DELIVERIES).where(DELIVERIES.c.id == bindparam("of_id"))
    add_event, add_attempt = insert(EVENTS).inline(), insert(ATTEMPTS).inline()
    watch = StopWatch()
    for number in numbers:
        for state in STATES:
            with database.changing_rows() as connection:
                connection.execute(change, {"of_id": number, **_columns(state, number)})
                connection.execute(add_event, _event(state, number))
                if state == "publishing":
                    connection.execute(add_attempt, _attempt(number))
    pace = watch.stop(count)
    database.close()
    return pace


def _columns(state: str, number: int) -> dict[str, Any]:
    if state == "published":
        public = {"remote_id": str(number), "remote_url": f"https://fake.example/{number}"}
        return {"state": state, **public, "published_at": datetime.now(UTC), "lease_owner": None, "lease_until": None}
    leased = {"state": state, "lease_owner": "me", "lease_until": datetime.now(UTC)}
    return {**leased, "idempotency_key": f"key-{number}"} if state == "publishing" else leased


def _event(state: str, number: int) -> dict[str, Any]:
    return {"at": datetime.now(UTC), "name": f"delivery {state}", "delivery_id": number, "actor": "me", "detail": {}}


def _attempt(number: int) -> dict[str, Any]:
    return {"delivery_id": number, "kind": "send", "fence": 1, "worker": "me", "started_at": datetime.now(UTC)}


def by_driver(url: str, count: int) -> Pace:
    _database_with(url, count, 0).close()
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        lite = sqlite3.connect(str(parsed.database), isolation_level=None)
        lite.execute("PRAGMA synchronous=FULL")
        return _three_transactions(lite.execute, count, "BEGIN IMMEDIATE", "?")
    conninfo = f"host={parsed.query['host']} user={parsed.username} dbname={parsed.database}"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return _three_transactions(connection.execute, count, "BEGIN", "%s")


def _three_transactions(execute: Callable[..., Any], count: int, begin: str, placeholder: str) -> Pace:
    numbers = [row[0] for row in execute("SELECT id FROM delivery").fetchall()]
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
    event = f"INSERT INTO event (at, name, delivery_id, actor, detail) VALUES ({', '.join([placeholder] * 5)})"
    watch = StopWatch()
    for number in numbers:
        for state in STATES:
            columns = {name: value for name, value in _columns(state, number).items() if name != "lease_until"}
            columns = {name: now if name == "published_at" else value for name, value in columns.items()}
            columns["lease_until"] = None if state == "published" else now
            sets = ", ".join(f"{name} = {placeholder}" for name in columns)
            execute(begin)
            execute(f"UPDATE delivery SET {sets} WHERE id = {placeholder}", (*columns.values(), number))
            execute(event, (now, f"delivery {state}", number, "me", "{}"))
            if state == "publishing":
                attempt = "INSERT INTO attempt (delivery_id, kind, fence, worker, started_at, detail) VALUES"
                placeholders = ", ".join([placeholder] * 6)
                execute(f"{attempt} ({placeholders})", (number, "send", 1, "me", now, ""))
            execute("COMMIT")
    return watch.stop(count)


if __name__ == "__main__":
    main()
