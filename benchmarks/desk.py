"""How fast and how large the desk is: `python benchmarks/desk.py`. Figures are recorded, never asserted."""

from __future__ import annotations

import contextlib
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

from sqlalchemy import insert, select

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from publisher.db.models import Channel, Delivery, Pick, Post  # noqa: E402
from publisher.post_queue.choosing import choose  # noqa: E402
from publisher.sandbox.stage import Stage  # noqa: E402
from tests.fakes import adapted_post  # noqa: E402
from tests.outlet import Outlet, environment  # noqa: E402

RUNS = 7
Row = tuple[str, str, str]


def main() -> None:
    rows: list[Row] = []
    rows.append(("`publisher --help`", spread(help_seconds, 1000, "ms"), "goal under 300 ms"))
    with tempfile.TemporaryDirectory() as folder, running_outlet(Path(folder)) as outlet:
        ready, memory = start_and_weigh(outlet)
        rows.append(("`publisher run`, start to ready", f"{ready:.2f} s", "goal under 2 s"))
        rows.append(("`publisher run`, idle, resident", f"{memory:.0f} MiB", "goal under 120 MiB"))
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
    stage = Stage(folder / "ca.pem")
    stage.start()
    outlet = Outlet(folder / "outlet", stage, platforms)
    with environment(outlet.environment()):
        yield outlet
    outlet.close()
    stage.stop()


def spread(measure: Callable[[], float], factor: float, unit: str) -> str:
    found = [measure() * factor for _ in range(RUNS)]
    return f"{statistics.median(found):.0f} {unit} ({min(found):.0f}–{max(found):.0f})"


def spread_of(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s (worst {max(seconds):.2f} s of {len(seconds)})"


def help_seconds() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "publisher", "--help"], check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - begun


def run(outlet: Outlet) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "publisher", "--config", str(outlet.config), "run"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if f'"{word}"' in line:
            return
    raise RuntimeError(f"{word} was never logged")


def stop(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=60)[1]


def start_and_weigh(outlet: Outlet) -> tuple[float, float]:
    begun = time.perf_counter()
    process = run(outlet)
    wait_for(process, "ready")
    ready = time.perf_counter() - begun
    time.sleep(3)
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    stop(process)
    return ready, int(found[1]) / 1024 if found else float("nan")


def add_due(outlet: Outlet, channels: list[str], days: int, due_at: datetime) -> None:
    """Deliveries without pictures, all due at one instant."""
    now = datetime.now(UTC)
    with outlet.desk.database.writing() as session:
        for channel in channels:
            if session.get(Channel, channel) is None:
                session.add(Channel(name=channel, platform="tumblr"))
        for day in range(days):
            post = Post(state="withdrawn", position=1.0, title=f"Post {day}", created_at=now, updated_at=now)
            pick = Pick(slot=due_at.date() - timedelta(days=3650 - day), post=post, reason="queue", picked_at=now)
            session.add_all([post, pick])
            for channel in channels:
                text = adapted_post(f"Post {day} {channel}").model_copy(update={"images": ()})
                session.add(
                    Delivery(
                        pick=pick,
                        channel_name=channel,
                        due_at=due_at,
                        scheduled_at=due_at,
                        expires_at=due_at + timedelta(hours=5),
                        token=os.urandom(6).hex(),
                        adapted=text.model_dump(mode="json"),
                    )
                )


def lateness(outlet: Outlet) -> list[float]:
    """How long after its time a post reaches the platform, five times."""
    process = run(outlet)
    wait_for(process, "ready")
    late = []
    for number in range(5):
        due = datetime.now(UTC) + timedelta(seconds=1.3 + number * 0.17)
        before = len(outlet.stage.ledger.posts())
        add_due(outlet, ["tumblr"], 1, due - timedelta(days=number * 0))
        while len(outlet.stage.ledger.posts()) == before:
            time.sleep(0.005)
        late.append((outlet.stage.ledger.posts()[-1].at - due).total_seconds())
        with outlet.desk.database.writing() as session:
            session.query(Pick).update({Pick.slot: Pick.slot})
        _forget(outlet)
    stop(process)
    return late


def _forget(outlet: Outlet) -> None:
    """Make room for the next pick of the same slot, once the present one is recorded."""
    while True:
        with outlet.desk.database.reading() as session:
            if all(state == "published" for state in session.scalars(select(Delivery.state))):
                break
        time.sleep(0.01)
    with outlet.desk.database.writing() as session:
        for pick in session.scalars(select(Pick).order_by(Pick.id.desc()).limit(1)):
            pick.slot -= timedelta(days=pick.id)


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
    for platform in outlet.stage.platforms:
        platform.delay = 0.05
    due = datetime.now(UTC) - timedelta(seconds=1)
    add_due(outlet, names, 10, due)
    with environment(secrets):
        begun = time.perf_counter()
        process = run(outlet)
        while len(outlet.stage.ledger.posts()) < 100:
            time.sleep(0.01)
        seconds = time.perf_counter() - begun
        told = stop(process)
    return seconds, told.count("locked")


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
    found = []
    for _ in range(30):
        with outlet.desk.database.reading() as session:
            begun = time.perf_counter()
            choose(session, now.date(), now, outlet.desk.settings.reserve)
            found.append((time.perf_counter() - begun) * 1000)
    return f"{statistics.median(found):.2f} ms (worst {max(found):.2f} ms of {len(found)})"


if __name__ == "__main__":
    main()
