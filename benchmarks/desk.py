"""Measures the speed and memory of the desk: `python benchmarks/desk.py`. Figures are recorded, never asserted."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from publisher.core.content import TextBlock  # noqa: E402
from publisher.db.models import Delivery, Pick, Post  # noqa: E402
from publisher.db.operations import Channel  # noqa: E402
from publisher.sandbox.servers import SandboxServers  # noqa: E402
from publisher.schedule.choice import choose_post  # noqa: E402
from tests.fakes import adapted_post  # noqa: E402
from tests.outlet import Outlet, environment  # noqa: E402

RUNS = 7
Row = tuple[str, str, str]


def main() -> None:
    rows: list[Row] = []
    rows.append(("`publisher --help`", spread(help_seconds, 1000, "ms"), "goal under 300 ms"))
    with tempfile.TemporaryDirectory() as folder, running_outlet(Path(folder)) as outlet:
        measure_start(outlet)  # It makes the database, which later starts find there.
        ready, memory = measure_start(outlet)
        rows.append(("`publisher run`, start to ready", f"{ready:.2f} s", "goal under 2 s"))
        rows.append(("`publisher run`, idle, resident", f"{memory:.0f} MiB", "goal under 100 MiB"))
        rows.append(("a due post leaves late by", spread_of(lateness(outlet)), "goal within 1 s"))
    with tempfile.TemporaryDirectory() as folder, running_outlet(Path(folder), ("tumblr",)) as outlet:
        seconds, locked = hundred_deliveries(outlet)
        rows.append(
            (
                "100 due deliveries, 10 channels, answers in 50 ms",
                f"{seconds:.1f} s, {locked} × locked",
                "goal under 10 s, 0",
            )
        )
    with tempfile.TemporaryDirectory() as folder, running_outlet(Path(folder), ("tumblr",)) as outlet:
        rows.append(("picking from 100,000 ready posts", picking(outlet), "goal under 10 ms"))
    print("| what | measured | goal |\n| --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


@contextlib.contextmanager
def running_outlet(folder: Path, platforms: tuple[str, ...] = ("tumblr", "x")) -> Iterator[Outlet]:
    sandbox_servers = SandboxServers(folder)
    sandbox_servers.start()
    outlet = Outlet(folder / "outlet", sandbox_servers, platforms)
    with environment(outlet.environment()):
        yield outlet
    outlet.close()
    sandbox_servers.stop()


def spread(measure: Callable[[], float], factor: float, unit: str) -> str:
    values = [measure() * factor for _ in range(RUNS)]
    return f"{statistics.median(values):.0f} {unit} ({min(values):.0f}–{max(values):.0f})"


def spread_of(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s (worst {max(seconds):.2f} s of {len(seconds)})"


def help_seconds() -> float:
    started_at = time.perf_counter()
    subprocess.run([sys.executable, "-m", "publisher", "--help"], check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - started_at


class RunningDesk:
    """Runs `publisher run` as a process of its own, with its log in a file, which never blocks it."""

    def __init__(self, outlet: Outlet) -> None:
        self._log = outlet.folder / "run.log"
        command = [sys.executable, "-m", "publisher", "--config", str(outlet.config), "run"]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stderr=log, cwd=ROOT)
        self.pid = self._process.pid

    def wait_until_ready(self) -> None:
        wait_for(lambda: '"ready"' in self.log_text())

    def log_text(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=60)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition was not met within 90 seconds")
        time.sleep(0.005)


def measure_start(outlet: Outlet) -> tuple[float, float]:
    started_at = time.perf_counter()
    running = RunningDesk(outlet)
    running.wait_until_ready()
    ready = time.perf_counter() - started_at
    time.sleep(3)
    status = Path(f"/proc/{running.pid}/status").read_text(encoding="ascii")
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    running.stop()
    return ready, int(match[1]) / 1024 if match else float("nan")


SLOTS = itertools.count(1)
"""Days from tomorrow on: each pick of these measurements takes the next one."""


def add_due(outlet: Outlet, channels: list[str], picks: int, due_at: datetime) -> None:
    """Adds deliveries without pictures, all due at one instant."""
    now = datetime.now(UTC)
    with outlet.desk.database.writing() as session:
        for channel in channels:
            if session.get(Channel, channel) is None:
                session.add(Channel(name=channel, platform="tumblr"))
        for number in itertools.islice(SLOTS, picks):
            post = Post(state="withdrawn", position=1.0, title=f"Post {number}", created_at=now, updated_at=now)
            slot = now.date() + timedelta(days=number)
            pick = Pick(slot=slot, post=post, reason="queue", picked_at=now)
            session.add_all([post, pick])
            session.add_all(_delivery(pick, channel, number, due_at) for channel in channels)


def _delivery(pick: Pick, channel: str, number: int, due_at: datetime) -> Delivery:
    title = f"Post {number} {channel}"
    blocks = (TextBlock(kind="heading", text=title), TextBlock(text="A few words for the followers."))
    text = adapted_post(title).model_copy(update={"images": (), "blocks": blocks})
    return Delivery(
        pick=pick,
        channel_name=channel,
        due_at=due_at,
        scheduled_at=due_at,
        expires_at=due_at + timedelta(hours=5),
        token=os.urandom(6).hex(),
        adapted=text.model_dump(mode="json"),
    )


def lateness(outlet: Outlet) -> list[float]:
    """Measures ten times how long after its time a post reaches the platform."""
    running = RunningDesk(outlet)
    running.wait_until_ready()
    latenesses = []
    for number in range(10):
        due = datetime.now(UTC) + timedelta(seconds=1.3 + number * 0.17)
        before = len(outlet.sandbox_servers.ledger.posts())
        add_due(outlet, ["tumblr"], 1, due)
        wait_for(lambda before=before: len(outlet.sandbox_servers.ledger.posts()) > before)  # type: ignore[misc]
        latenesses.append((outlet.sandbox_servers.ledger.posts()[-1].at - due).total_seconds())
    running.stop()
    return latenesses


def hundred_deliveries(outlet: Outlet) -> tuple[float, int]:
    text = outlet.config.read_text(encoding="utf-8")
    table = text[text.index("[channels.tumblr]") :]
    names = [f"t{number}" for number in range(10)]
    outlet.config.write_text(text + "".join(table.replace("channels.tumblr", f"channels.{name}") for name in names))
    secrets = {
        key.replace("_TUMBLR_", f"_{name.upper()}_"): value
        for name in names
        for key, value in outlet.environment().items()
    }
    for platform in outlet.sandbox_servers.platforms:
        platform.delay = 0.05
    add_due(outlet, names, 10, datetime.now(UTC) - timedelta(seconds=1))
    with environment(secrets):
        started_at = time.perf_counter()
        running = RunningDesk(outlet)
        wait_for(lambda: len(outlet.sandbox_servers.ledger.posts()) >= 100)
        seconds = time.perf_counter() - started_at
        running.stop()
    return seconds, running.log_text().count("locked")


def picking(outlet: Outlet) -> str:
    now = datetime.now(UTC)
    with outlet.desk.database.writing() as session:
        session.execute(
            insert(Post),
            [
                {
                    "state": "approved",
                    "approved_at": now,
                    "position": float(number),
                    "title": f"Post {number}",
                    "created_at": now,
                    "updated_at": now,
                }
                for number in range(100_000)
            ],
        )
    milliseconds = []
    for _ in range(30):
        with outlet.desk.database.reading() as session:
            started_at = time.perf_counter()
            choose_post(session, now.date(), now, outlet.desk.settings.reserve)
            milliseconds.append((time.perf_counter() - started_at) * 1000)
    return f"{statistics.median(milliseconds):.2f} ms (worst {max(milliseconds):.2f} ms of {len(milliseconds)})"


if __name__ == "__main__":
    main()
