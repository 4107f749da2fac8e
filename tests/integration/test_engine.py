"""Tests that scheduler and workers, as processes on PostgreSQL, outlive kills, stops and a lost database."""

from __future__ import annotations

import asyncio
import json
import operator
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from sqlalchemy import insert, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from publisher.cli.service import Service
from publisher.core.clock import SystemClock
from publisher.db import session
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery import engine
from publisher.delivery.engine import EngineDispatcher, EngineWorker
from publisher.health import last_heartbeats
from publisher.proving.postgres import ThrowawayPostgres
from publisher.sandbox.faults import Fault
from publisher.settings import SettingsError
from tests.conftest import OpenOutlet
from tests.outlet import Outlet, set_environment
from tests.waiting import TIMEOUT, wait_until

ROOT = Path(__file__).parents[2]
PLATFORM = "tumblr"


Lines = list[dict[str, Any]]
CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
LISTENERS = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'
"""
DEAD_WORKER = """
WITH dead AS (
    INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute') RETURNING id
)
INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, status, worker_id)
SELECT 'publisher', 'drain', 'drain a', '{"channel": "a"}', 'doing', id FROM dead
"""


@dataclass
class Desks:
    """Holds the processes of one outlet, and their logs."""

    outlet: Outlet
    processes: dict[str, subprocess.Popen[bytes]]

    def start(self, name: str, *roles: str) -> None:
        command = [sys.executable, "-m", "publisher", "--config", str(self.outlet.config), "run", "--publish-today"]
        with self._log(name).open("wb") as log:
            wishes = [word for role in roles for word in ("--role", role)]
            self.processes[name] = subprocess.Popen([*command, *wishes], cwd=ROOT, stderr=log)

    def _log(self, name: str) -> Path:
        return self.outlet.folder / f"{name}.log"

    def lines(self, name: str) -> Lines:
        """Reads the lines that a process has logged so far."""
        whole = self._log(name).read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def wait_until_ready(self) -> None:
        for name in self.processes:
            self._wait(name, lambda lines: any(line["event"] == "ready" for line in lines), "ready")

    def wait_for_trouble(self, name: str, act: str) -> None:
        self._wait(name, lambda lines: act in troubles(lines)[0], f"in trouble with {act}")

    def wait_until_well(self, name: str) -> None:
        self._wait(name, lambda lines: operator.eq(*troubles(lines)), "well again")

    def _wait(self, name: str, true: Callable[[Lines], bool], what: str) -> None:
        wait_until(lambda: true(self.lines(name)), f"{name} is {what}")

    def holder(self) -> str:
        """Returns the name of the process that works on the delivery."""
        owner = self.outlet.deliveries()[PLATFORM].lease_owner or ""
        pids = {process.pid: name for name, process in self.processes.items()}
        return pids[int(owner.split(":")[1])]

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> dict[str, int]:
        """End all as an operator does; returns their exit statuses."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(TIMEOUT) for name, process in self.processes.items()}


def troubles(lines: Lines) -> tuple[Counter[str], Counter[str]]:
    """Lists what a process reports as failed, and as working again."""
    events = [line["event"] for line in lines]
    ends = (" failed; trying again until it works", " works again")
    failed, again = (Counter(event.removesuffix(end) for event in events if event.endswith(end)) for end in ends)
    return failed, again


@pytest.fixture
def settings(postgres: ThrowawayPostgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is opened meanwhile works with the engine, and finds the programs of the server's own version."""
    values = {
        "PUBLISHER__STORAGE__DATABASE": postgres_url,
        "PUBLISHER__DELIVERY__DISPATCH": "procrastinate",
        "PATH": f"{postgres.programs}:{os.environ['PATH']}",
    }
    set_environment(monkeypatch, values)


@pytest.fixture
def outlet(settings: None, open_outlet: OpenOutlet) -> Outlet:
    return open_outlet(PLATFORM)


@pytest.fixture
def desks(outlet: Outlet) -> Iterator[Desks]:
    new_desks = Desks(outlet, {})
    yield new_desks
    for name in [*new_desks.processes]:
        new_desks.kill(name)


def is_published(outlet: Outlet) -> bool:
    row = outlet.deliveries().get(PLATFORM)
    return row is not None and row.state == "published"


def roles_seen(database: Database) -> set[str]:
    with database.reading() as session:
        return set(last_heartbeats(session, SystemClock().now()))


def jobs(database: Database) -> list[tuple[str, str | None, Any]]:
    """Lists the status, lock and time of each channel's job."""
    query = text("SELECT status, lock, scheduled_at FROM procrastinate_jobs WHERE task_name = 'drain' ORDER BY id")
    with database.reading() as session:
        return [(status, lock, at) for status, lock, at in session.execute(query)]


def test_a_worker_killed_while_publishing_is_replaced_with_one_copy(desks: Desks) -> None:
    outlet = desks.outlet
    outlet.sandbox_servers.faults.add(PLATFORM, Fault("slow-after", 20.0))
    for name, role in (("scheduler", "scheduler"), ("worker 1", "worker"), ("worker 2", "worker")):
        desks.start(name, role)
    desks.wait_until_ready()
    outlet.add_post()
    wait_until(lambda: bool(outlet.copies(PLATFORM)), "the platform has the post")

    desks.kill(desks.holder())

    # The look-up is word for the same channel, whose last job nobody will ever finish.
    wait_until(lambda: is_published(outlet), "another worker finds the post")
    wait_until(lambda: jobs(outlet.desk.database) == [("doing", None, None)], "only the dead one's job is left")
    assert len(outlet.copies(PLATFORM)) == 1
    assert desks.stop() == dict.fromkeys(desks.processes, 0)
    ready = [line["role"] for name in desks.processes for line in desks.lines(name) if line["event"] == "ready"]
    assert sorted(ready) == ["scheduler", "worker"]


def test_every_role_outlives_its_database(desks: Desks, postgres: ThrowawayPostgres) -> None:
    outlet = desks.outlet
    outlet.sandbox_servers.faults.add(PLATFORM, Fault("slow-after", 6.0))
    desks.start("scheduler", "scheduler")
    desks.start("worker", "worker")
    desks.wait_until_ready()
    wait_until(lambda: roles_seen(outlet.desk.database) == {"scheduler", "worker"}, "each says that it lives")
    outlet.add_post()
    wait_until(lambda: bool(outlet.copies(PLATFORM)), "the platform has the post")

    postgres.stop(signal.SIGQUIT)
    try:
        desks.wait_for_trouble("scheduler", "looking for what is due")
    finally:
        postgres.start()

    wait_until(lambda: is_published(outlet), "it is recorded after all")
    for name in desks.processes:
        desks.wait_until_well(name)
        failed, _ = troubles(desks.lines(name))
        assert set(failed.values()) == {1}, "each trouble is told once"
    assert len(outlet.copies(PLATFORM)) == 1
    assert desks.stop() == {"scheduler": 0, "worker": 0}


def test_one_process_has_every_role_and_finishes_its_delivery(desks: Desks) -> None:
    outlet = desks.outlet
    outlet.sandbox_servers.faults.add(PLATFORM, Fault("slow-after", 1.5))
    desks.start("all")
    desks.wait_until_ready()
    outlet.add_post()
    wait_until(lambda: bool(outlet.copies(PLATFORM)), "the platform has the post")
    assert outlet.deliveries()[PLATFORM].state == "publishing"
    assert desks.stop() == {"all": 0}
    assert is_published(outlet)
    assert len(outlet.copies(PLATFORM)) == 1
    assert jobs(outlet.desk.database) == []


@pytest.mark.parametrize("role", ["scheduler", "worker"])
def test_a_role_that_nobody_would_hear_is_refused(open_outlet: OpenOutlet, role: str) -> None:
    outlet = open_outlet(PLATFORM)
    with pytest.raises(SettingsError, match=f"a {role} can't run alone"):
        Service(outlet.desk, [role])


class WatchedDrain:
    """Records the drained channels, and waits inside a drain where a test asks for it."""

    def __init__(self) -> None:
        self.channels: list[str] = []
        self.go_on = threading.Event()
        self.inside = 0
        self.most = 0
        self._lock = threading.Lock()

    def drain(self, channel: str, stop: threading.Event) -> int:
        with self._lock:
            self.channels.append(channel)
            self.inside += 1
            self.most = max(self.most, self.inside)
        if channel.startswith("slow"):
            assert self.go_on.wait(TIMEOUT)
        with self._lock:
            self.inside -= 1
        return 0


def listeners(url: str) -> list[int]:
    """Lists the server's processes that have a client to notify."""
    with psycopg.connect(plain(url)) as asking:
        return [pid for (pid,) in asking.execute(LISTENERS)]


@contextmanager
def working(url: str, watched_drain: WatchedDrain, threads: int = 2) -> Iterator[EngineWorker]:
    worker = EngineWorker(url, watched_drain.drain, threads=threads)
    worker.start()
    try:
        wait_until(lambda: listeners(url) != [], "it listens")
        yield worker
    finally:
        watched_drain.go_on.set()
        worker.stop()


@pytest.fixture
def watched_drain() -> WatchedDrain:
    return WatchedDrain()


def test_a_channel_waits_once_for_a_worker_without_a_lock_or_a_time(postgres_database: Database) -> None:
    dispatcher = EngineDispatcher(postgres_database)
    for channel in ("a", "b", "a", "a"):
        dispatcher.kick(channel)
    assert jobs(postgres_database) == [("todo", None, None)] * 2


def test_kicks_at_once_leave_one_job(postgres_database: Database) -> None:
    dispatcher = EngineDispatcher(postgres_database)
    for _ in range(5):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(dispatcher.kick, ["a"] * 4))
    assert jobs(postgres_database) == [("todo", None, None)]


def test_new_work_begins_at_once_also_while_there_is_other_work(
    postgres_url: str, postgres_database: Database, watched_drain: WatchedDrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "POLL_SECONDS", 10 * TIMEOUT)
    dispatcher = EngineDispatcher(postgres_database)
    with working(postgres_url, watched_drain) as worker:
        dispatcher.kick("slow")
        wait_until(lambda: watched_drain.channels == ["slow"], "the channel is being drained")
        assert not worker.idle
        dispatcher.kick("slow")
        dispatcher.kick("quick")
        wait_until(lambda: watched_drain.channels == ["slow", "quick"], "another channel is drained meanwhile")
        wait_until(lambda: len(jobs(postgres_database)) == 1, "the second word for the channel was taken")
        watched_drain.go_on.set()
        wait_until(lambda: watched_drain.channels == ["slow", "quick", "slow"], "the channel is drained once more")
        wait_until(lambda: worker.idle and jobs(postgres_database) == [], "nothing is left")


def test_no_more_channels_are_drained_at_once_than_were_asked_for(
    postgres_url: str, postgres_database: Database, watched_drain: WatchedDrain
) -> None:
    dispatcher = EngineDispatcher(postgres_database)
    with working(postgres_url, watched_drain, threads=2):
        for number in range(4):
            dispatcher.kick(f"slow {number}")
        wait_until(lambda: watched_drain.inside == 2, "two channels are being drained")
        assert sorted(status for status, *_ in jobs(postgres_database)) == ["doing", "doing", "todo", "todo"]
        watched_drain.go_on.set()
        wait_until(lambda: len(watched_drain.channels) == 4, "each has its turn")
    assert watched_drain.most == 2


def test_connections_that_are_cut_are_opened_again(
    postgres_url: str, postgres_database: Database, watched_drain: WatchedDrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "POLL_SECONDS", 10 * TIMEOUT)
    dispatcher = EngineDispatcher(postgres_database)
    with working(postgres_url, watched_drain):
        before = listeners(postgres_url)
        with psycopg.connect(plain(postgres_url), autocommit=True) as other:
            other.execute(CUT_OFF)
        wait_until(lambda: listeners(postgres_url) not in ([], before), "it listens again")
        dispatcher.kick("a")
        wait_until(lambda: watched_drain.channels == ["a"], "it hears again")


def test_a_lost_database_is_reported_once_and_work_under_way_goes_on(
    postgres: ThrowawayPostgres,
    postgres_url: str,
    postgres_database: Database,
    watched_drain: WatchedDrain,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(engine, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(engine, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(engine, "SETTLED_SECONDS", 0.5)
    caplog.set_level("INFO", "publisher")
    dispatcher = EngineDispatcher(postgres_database)
    failed, again = "listening for work failed; trying again until it works", "listening for work works again"
    with working(postgres_url, watched_drain) as worker:
        dispatcher.kick("slow")
        wait_until(lambda: watched_drain.channels == ["slow"], "the channel is being drained")
        postgres.stop(signal.SIGINT)
        try:
            wait_until(lambda: failed in caplog.text, "the loss is told")
            with pytest.raises(OperationalError):
                dispatcher.kick("quick")
        finally:
            postgres.start()
        wait_until(lambda: again in caplog.text, "it listens again")
        dispatcher.kick("quick")
        wait_until(
            lambda: watched_drain.channels == ["slow", "quick"], "it hears again, with the first channel still in hand"
        )
        assert not worker.idle
    assert [caplog.text.count(line) for line in (failed, again)] == [1, 1]


def test_a_stop_is_obeyed_also_when_a_connection_is_lost_just_then(
    watched_drain: WatchedDrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[int] = []
    working = threading.Event()

    async def lose_the_connection(_: EngineWorker) -> None:
        rounds.append(len(rounds))
        working.set()
        try:
            await asyncio.sleep(TIMEOUT)
        except asyncio.CancelledError:
            raise ConnectorException from None

    monkeypatch.setattr(EngineWorker, "_work", lose_the_connection)
    monkeypatch.setattr(engine, "PAUSE_SECONDS", 0.01)
    worker = EngineWorker("postgresql+psycopg://nowhere/desk", watched_drain.drain, threads=1)
    worker.start()
    assert working.wait(TIMEOUT)
    worker.stop()
    assert rounds == [0]


def test_the_job_of_a_killed_worker_is_swept_and_delays_nobody(
    postgres_url: str, postgres_database: Database, watched_drain: WatchedDrain
) -> None:
    with postgres_database.writing() as session:
        session.execute(text(DEAD_WORKER))
    EngineDispatcher(postgres_database).kick("a")
    with working(postgres_url, watched_drain):
        wait_until(lambda: watched_drain.channels == ["a"], "the channel is drained nevertheless")
        wait_until(lambda: jobs(postgres_database) == [], "the job is swept")
        wait_until(lambda: workers(postgres_database) == 1, "the dead worker is forgotten")


def workers(database: Database) -> int:
    with database.reading() as session:
        return int(session.scalar(text("SELECT count(*) FROM procrastinate_workers")) or 0)


def plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def test_a_machine_lost_in_a_transaction_keeps_its_locks_briefly(
    postgres_url: str, postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FORGOTTEN_MS", 300)
    lost_database = Database.open(postgres_url)
    enter = insert(Channel).values(name="a", platform="fake")
    with ExitStack() as frozen:
        frozen.enter_context(lost_database.writing()).execute(enter)
        with postgres_database.writing() as living:
            # It waits for whoever entered the same name, and is not refused.
            living.execute(text("SET LOCAL lock_timeout = '20s'"))
            living.execute(enter)
        with pytest.raises(DBAPIError, match="idle-in-transaction timeout"):
            frozen.close()
    lost_database.close()
