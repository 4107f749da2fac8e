"""Measures how late due posts are published while the pages are overloaded: `python -m benchmarks.web_lateness`.

One `publisher run` does everything, as it does by default: it picks, publishes and serves the pages. Requests for
Today and Queue come from another process at each of the rates in turn, without waiting for answers, while posts are due
every half second on a platform of the sandbox. Figures are recorded, never asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from benchmarks.desk import RunningDesk, add_due, running_outlet, wait_for
from benchmarks.web_load import Result, load
from publisher.db.models import Delivery
from tests.desk_site import Site
from tests.outlet import Outlet

INTERVAL_SECONDS = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[0, 100, 200, 400], help="requests a second")
    # Two requests for each post: with four rates, more seconds would reach Tumblr's 250 a day.
    parser.add_argument("--seconds", type=float, default=15.0, help="for each rate")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_outlet(Path(folder), ("tumblr",)) as outlet:
        port = _free_port()
        with outlet.config.open("a", encoding="utf-8") as config:
            config.write(f'\n[web]\nhost = "127.0.0.1"\nport = {port}\n')
        _measure(outlet, f"http://127.0.0.1:{port}", arguments.rates, arguments.seconds)


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def _measure(outlet: Outlet, url: str, rates: Sequence[float], seconds: float) -> None:
    site = Site.__new__(Site)
    site.desk = outlet.desk
    cookie = site.session_token("admin", email="admin@example.org")
    running = RunningDesk(outlet)
    running.wait_until_ready()
    print("| requests a second | due | late p50 | p95 | worst | answers | answered p95 | load |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    try:
        spawn_context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn_context) as executor:
            executor.submit(os.getpid).result()
            for rate in rates:
                due_times = _add_due(outlet, seconds)
                result = executor.submit(_ask, url, cookie, rate, seconds + 2).result()
                _print_row(rate, _lateness(outlet, due_times), result)
    finally:
        running.stop()


def _ask(url: str, cookie: str, rate: float, seconds: float) -> Result:
    if not rate:
        time.sleep(seconds)
        return Result()
    return asyncio.run(load(url, cookie, rate, seconds))


def _add_due(outlet: Outlet, seconds: float) -> list[datetime]:
    """Adds posts that are due every half second, beginning in two seconds."""
    first_at = datetime.now(UTC) + timedelta(seconds=2)
    due_times = [
        first_at + timedelta(seconds=INTERVAL_SECONDS * number) for number in range(int(seconds / INTERVAL_SECONDS))
    ]
    for due_at in due_times:
        add_due(outlet, ["tumblr"], 1, due_at)
    return due_times


def _lateness(outlet: Outlet, due_times: Sequence[datetime]) -> list[float]:
    """Returns the seconds from when each post was due until it was recorded as published, sorted."""
    query = select(Delivery.scheduled_at, Delivery.published_at).where(
        Delivery.scheduled_at.between(due_times[0], due_times[-1]), Delivery.state == "published"
    )

    def published() -> list[float]:
        with outlet.desk.database.reading() as session:
            rows = session.execute(query).all()
        return sorted((public - scheduled).total_seconds() for scheduled, public in rows if public)

    wait_for(lambda: len(published()) == len(due_times))
    return published()


def _print_row(rate: float, seconds: Sequence[float], result: Result) -> None:
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    spread = " | ".join(f"{value:.2f} s" for value in (cuts[9], cuts[18], seconds[-1]))
    statuses = ", ".join(f"{number:,} × {status}" for status, number in sorted(result.statuses.items()))
    answered = statistics.quantiles(result.seconds, n=20, method="inclusive")[18] if len(result.seconds) > 1 else 0.0
    print(
        f"| {rate:.0f} | {len(seconds)} | {spread} | {statuses} | {answered * 1000:.0f} ms "
        f"| {os.getloadavg()[0]:.1f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
