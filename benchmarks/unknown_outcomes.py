"""From an unknown outcome to its end, and what a good day takes: `python -m benchmarks.unknown_outcomes`.

Each figure is of a new desk with default settings and of the sandbox, whose clocks are moved together to whatever comes
next: the times are those of the schedule, not of this machine. Figures are recorded, never asserted.
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
from publisher.sandbox.stage import Stage
from tests.outlet import PLATFORMS, Outlet, environment

UNKNOWN = ("Unconfirmed", "AlreadyPublic", "unexpected")
FAULTS = ("drop-before", "drop-after", "500-after", "504-after", "truncate-after", "garbage-after", "late-504:100")
ENDS = tuple(f"delivery {state}" for state in ("published", "held", "failed", "missed"))
DEFAULTS = ("look_up_after", "listing_lag_seconds", "retry_seconds")
"""What the tests' outlets shorten, and a desk does not."""


@dataclass(frozen=True, slots=True)
class Story:
    """What became of one delivery."""

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
    wishes = parser.parse_args()
    configure_logs(stream=sys.stderr)
    platforms = wishes.platform or PLATFORMS
    with tempfile.TemporaryDirectory() as folder:
        desks = Desks(Path(folder))
        print("| platform | fault | p50 | worst | ends | requests |\n| --- | --- | --- | --- | --- | --- |")
        for platform in platforms:
            for fault in FAULTS:
                stories = [desks.tell(platform, fault) for _ in range(wishes.runs)]
                print(f"| {platform} | {fault} | {_spread(stories)} |", flush=True)
        print("\n| platform | requests on a good day | cost |\n| --- | --- | --- |")
        for platform in platforms:
            story = desks.tell(platform, "")
            print(f"| {platform} | {story.requests} | {format_dollars(story.cost_micros)} |", flush=True)


def _spread(stories: list[Story]) -> str:
    times = [story.seconds for story in stories if story.seconds is not None]
    told = f"{statistics.median(times):.0f} s | {max(times):.0f} s" if times else "known at once | "
    ends = Counter(f"{story.end}, {story.copies} × public" for story in stories)
    requests = statistics.median(story.requests for story in stories)
    return f"{told} | {'; '.join(f'{count} {end}' for end, count in ends.items())} | {requests:.0f}"


class Desks:
    """Sets up a desk and a sandbox for each delivery."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def tell(self, platform: str, fault: str) -> Story:
        """Deliver one post with one picture, the publishing request with this fault. Empty: none."""
        with self._outlet(platform) as (outlet, requests):
            if fault:
                outlet.stage.faults.add(platform, Fault.parse(fault))
            outlet.shift_to_slot()
            outlet.add_post()
            outlet.pick()
            requests.clear()
            outlet.settle(steps=400)
            return self._read(outlet, platform, requests.total())

    def _read(self, outlet: Outlet, platform: str, requests: int) -> Story:
        row = outlet.deliveries()[platform]
        with outlet.desk.database.reading() as session:
            mine = Attempt.delivery_id == row.id
            began = session.scalar(select(func.min(Attempt.ended_at)).where(mine, Attempt.outcome.in_(UNKNOWN)))
            ended = session.scalar(select(func.max(Event.at)).where(Event.delivery_id == row.id, Event.name.in_(ENDS)))
            cost = session.scalar(select(func.sum(Attempt.cost_micros)).where(mine)) or 0
        seconds = (ended - began).total_seconds() if began and ended else None
        return Story(seconds, row.state, len(outlet.copies(platform)), requests, cost)

    @contextmanager
    def _outlet(self, platform: str) -> Iterator[tuple[Outlet, Counter[str]]]:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        stage = Stage(folder)
        stage.start()
        outlet = Outlet(folder / "outlet", stage, (platform,))
        lines = outlet.config.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.startswith(DEFAULTS)]
        outlet.config.write_text("\n".join(kept) + "\n", encoding="utf-8")
        outlet.desk = Desk(outlet.config, outlet.clock)
        try:
            with environment(outlet.environment()):
                outlet.connect(folder)
                yield outlet, _counted(stage)
        finally:
            outlet.close()
            stage.stop()


def _counted(stage: Stage) -> Counter[str]:
    """Counts the requests that the sandbox reads from now on."""
    counter: Counter[str] = Counter()
    take = stage.faults.take

    def counting(platform: str, step: str = "publish", *, refusing: bool = False) -> Fault | None:
        counter[step] += not refusing
        return take(platform, step, refusing=refusing)

    stage.faults.take = counting  # type: ignore[method-assign]
    return counter


if __name__ == "__main__":
    main()
