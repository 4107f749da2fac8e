"""Measures deliveries per second, and empty jobs per second of job engines."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from procrastinate import SyncPsycopgConnector
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from benchmarks.history import add_channels, add_due
from benchmarks.procrastinate_jobs import app as procrastinate_app
from publisher.db.models import Delivery
from publisher.db.session import Database

ROOT = Path(__file__).parents[1]
CHANNELS = tuple(f"busy{number}" for number in range(40))
TIMEOUT_SECONDS = 600.0
CELERY_HINT = (
    "python -m venv /tmp/c && /tmp/c/bin/pip install 'celery[redis]' packaging, then give --celery /tmp/c/bin/python"
)
Measured = tuple[str, str]


def rate(count_done: Callable[[], int], total: int, workers: Sequence[subprocess.Popen[str]]) -> str:
    """Measures jobs per second after the first tenth, so that the start of the processes is not counted."""
    started_at, first_count = 0.0, 0
    deadline = time.perf_counter() + TIMEOUT_SECONDS
    while (count := count_done()) < total:
        if not started_at and count >= total / 10:
            started_at, first_count = time.perf_counter(), count
        if any(worker.poll() for worker in workers):
            raise RuntimeError(f"a worker failed after {count} of {total} were done")
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{count} of {total} were done in {TIMEOUT_SECONDS:g} s")
        time.sleep(0.02)
    return (
        f"{(total - first_count) / (time.perf_counter() - started_at):.0f} per second" if started_at else "too few jobs"
    )


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], processes: int = 1, variables: Mapping[str, str] | None = None
) -> Iterator[list[subprocess.Popen[str]]]:
    """Starts processes of one kind, and terminates them at the end of the block."""
    environment = {**os.environ, **(variables or {}), "PUBLISHER_LOG_LEVEL": "error"}
    process_list = [
        subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(processes)
    ]  # fmt: skip
    try:
        yield process_list
    finally:
        for process in process_list:
            process.terminate()
        for process in process_list:
            process.wait(timeout=60)


def deliveries(url: str, count: int, processes: int) -> Measured:
    """Measures deliveries without pictures over 40 channels to a platform in memory; checks that each is sent once."""
    database = Database.open(url)
    now = datetime.now(UTC)
    with database.writing() as session:
        add_channels(session, CHANNELS)
    add_due(database, CHANNELS, [now - timedelta(minutes=1)] * count, now)

    def count_done() -> int:
        with database.reading() as session:
            return session.scalars(select(func.count()).where(Delivery.state == "published")).one()

    with running([sys.executable, "-m", "benchmarks.drainer", url], processes) as workers:
        measured = rate(count_done, count, workers)
        posts = sum(int(worker.communicate(timeout=60)[0]) for worker in workers)
    database.close()
    if posts != count:
        raise RuntimeError(f"{posts} posts were made of {count} deliveries")
    kind = "PostgreSQL" if url.startswith("postgresql") else "SQLite"
    return f"deliveries, {kind}, {processes} × worker", measured


def procrastinate_jobs(url: str, count: int, processes: int) -> Measured:
    address = make_url(url)
    conninfo = f"host={address.query['host']} user={address.username} dbname={address.database}"
    connector = SyncPsycopgConnector(conninfo=conninfo)
    with procrastinate_app.replace_connector(connector) as app, app.open():
        app.schema_manager.apply_schema()
        app.configure_task("nothing").batch_defer(*[{} for _ in range(count)])
    with psycopg.connect(conninfo, autocommit=True) as connection:

        def count_done() -> int:
            row = connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'").fetchone()
            return int(row[0]) if row else 0

        command = [sys.executable, "-m", "procrastinate", "--app", "benchmarks.procrastinate_jobs.app", "worker"]
        with running([*command, "--concurrency", "8"], processes, {"JOBS_DATABASE": conninfo}) as workers:
            return f"empty jobs, Procrastinate, {processes} × worker", rate(count_done, count, workers)


def celery_jobs(python: Path | None, count: int, processes: int, *, durable: bool) -> Measured:
    """Measures empty jobs of Celery. `durable`: Redis flushes each change to the disk, as the databases do."""
    label = (
        f"empty jobs, Celery, Redis {'flushing always' if durable else 'as installed'}, {processes} × worker process"
    )
    server, client = shutil.which("redis-server"), shutil.which("redis-cli")
    if python is None or server is None or client is None:
        return label, f"skipped: {CELERY_HINT}" if python is None else "skipped: there is no redis-server"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    redis: list[str] = [client, "-p", port]
    safety: list[str] = ["--appendonly", "yes", "--appendfsync", "always"] if durable else []
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        listen = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        stack.enter_context(running([server, *listen, *safety]))
        while subprocess.run([*redis, "ping"], capture_output=True, text=True, check=False).stdout != "PONG\n":
            time.sleep(0.05)
        broker = {"BROKER": f"redis://127.0.0.1:{port}/0"}
        jobs = ROOT / "benchmarks" / "celery_jobs.py"
        subprocess.run([python, jobs, str(count)], env={**os.environ, **broker}, check=True)
        worker = [str(python), "-m", "celery", "--workdir", str(jobs.parent), "-A", "celery_jobs", "worker"]
        workers = stack.enter_context(running([*worker, "-c", str(processes), "-P", "prefork"], variables=broker))

        def count_done() -> int:
            length = subprocess.run([*redis, "llen", "celery"], capture_output=True, text=True, check=True).stdout
            return count - int(length)

        return label, rate(count_done, count, workers)
