"""Measures the time from an unknown outcome to its end, and a day without faults:
`python -m benchmarks.unknown_outcomes`.

Each figure is of a new desk with default settings and of the sandbox, whose clocks are moved together to the next
appointment: the times are those of the schedule, not of this machine. Figures are recorded, never asserted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from publisher.core.logs import configure_logs
from publisher.db.models import Attempt, Event
from publisher.delivery.budget import format_dollars
from publisher.desk import Desk
from publisher.sandbox.faults import Fault
from publisher.sandbox.servers import SandboxServers
from tests.outlet import PLATFORMS, Outlet, environment

UNKNOWN = ("publication-unconfirmed", "already-public", "unexpected")
FAULTS = ("drop-before", "drop-after", "500-after", "504-after", "truncate-after", "garbage-after", "late-504:100")
ENDS = tuple(f"delivery {state}" for state in ("published", "held", "failed", "missed"))
DEFAULTS = ("look_up_after", "listing_lag_seconds", "retry_seconds")
"""Settings that the tests' outlets shorten; here a desk's defaults are used."""


@dataclass(frozen=True, slots=True)
class Result:
    """Holds the result of one delivery."""

    seconds: float | None
    """From the unknown outcome to the end. None: the outcome was known at once."""
    end: str
    copies: int
    requests: int
    cost_micros: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="deliveries of each platform and kind")
    parser.add_argument("--platform", choices=PLATFORMS, action="append")
    arguments = parser.parse_args()
    configure_logs(stream=sys.stderr)
    platforms = arguments.platform or PLATFORMS
    with tempfile.TemporaryDirectory() as folder:
        desks = Desks(Path(folder))
        print("| platform | fault | p50 | worst | ends | requests |\n| --- | --- | --- | --- | --- | --- |")
        for platform in platforms:
            for fault in FAULTS:
                results = [desks.deliver(platform, fault) for _ in range(arguments.runs)]
                print(f"| {platform} | {fault} | {_spread(results)} |", flush=True)
        print("\n| platform | requests on a day without faults | cost |\n| --- | --- | --- |")
        for platform in platforms:
            result = desks.deliver(platform, "")
            print(f"| {platform} | {result.requests} | {format_dollars(result.cost_micros)} |", flush=True)


def _spread(results: list[Result]) -> str:
    times = [result.seconds for result in results if result.seconds is not None]
    spread = f"{statistics.median(times):.0f} s | {max(times):.0f} s" if times else "known at once | "
    ends = Counter(f"{result.end}, {result.copies} × public" for result in results)
    requests = statistics.median(result.requests for result in results)
    return f"{spread} | {'; '.join(f'{count} {end}' for end, count in ends.items())} | {requests:.0f}"


class Desks:
    """Sets up a desk and a sandbox for each delivery."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def deliver(self, platform: str, fault: str) -> Result:
        """Delivers one post with one picture, with this fault at the publishing request. Empty: none."""
        with self._outlet(platform) as (outlet, requests):
            if fault:
                outlet.sandbox_servers.faults.add(platform, Fault.parse(fault))
            outlet.shift_to_slot()
            outlet.add_post()
            outlet.pick()
            requests.clear()
            outlet.run_until_idle(steps=400)
            return self._read(outlet, platform, requests.total())

    def _read(self, outlet: Outlet, platform: str, requests: int) -> Result:
        row = outlet.deliveries()[platform]
        with outlet.desk.database.reading() as session:
            is_its_attempt = Attempt.delivery_id == row.id
            unknown_at = session.scalar(
                select(func.min(Attempt.ended_at)).where(is_its_attempt, Attempt.outcome.in_(UNKNOWN))
            )
            ended_at = session.scalar(
                select(func.max(Event.at)).where(Event.delivery_id == row.id, Event.name.in_(ENDS))
            )
            cost = session.scalar(select(func.sum(Attempt.cost_micros)).where(is_its_attempt)) or 0
        seconds = (ended_at - unknown_at).total_seconds() if unknown_at and ended_at else None
        return Result(seconds, row.state, len(outlet.copies(platform)), requests, cost)

    @contextmanager
    def _outlet(self, platform: str) -> Iterator[tuple[Outlet, Counter[str]]]:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        sandbox_servers = SandboxServers(folder)
        sandbox_servers.start()
        outlet = Outlet(folder / "outlet", sandbox_servers, (platform,))
        lines = outlet.config.read_text(encoding="utf-8").splitlines()
        kept_lines = [line for line in lines if not line.startswith(DEFAULTS)]
        outlet.config.write_text("\n".join(kept_lines) + "\n", encoding="utf-8")
        outlet.desk = Desk(outlet.config, outlet.clock)
        try:
            with environment(outlet.environment()):
                outlet.connect(folder)
                yield outlet, _count_requests(sandbox_servers)
        finally:
            outlet.close()
            sandbox_servers.stop()


def _count_requests(sandbox_servers: SandboxServers) -> Counter[str]:
    """Counts the requests that the sandbox reads from now on."""
    counter: Counter[str] = Counter()
    take_fault = sandbox_servers.faults.take

    def take_and_count(platform: str, step: str = "publish", *, at_connection: bool = False) -> Fault | None:
        counter[step] += not at_connection
        return take_fault(platform, step, at_connection=at_connection)

    sandbox_servers.faults.take = take_and_count  # type: ignore[method-assign]
    return counter


if __name__ == "__main__":
    main()
