"""Measures the processor time of each start of a process: `python -m benchmarks.start_up`.

Processor seconds, user and system, of one process: the least of several runs, which other
programs disturb least. Figures are recorded, never asserted. The bytecode of all modules is written before.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from publisher.adapt.images.child_process import child_environment
from publisher.db.models import Pick, Post
from publisher.desk import Desk
from publisher.lifecycle import NewDelivery, open_delivery
from publisher.starter import write_starter
from tests.fakes import adapted_post
from tests.outlet import draw
from tests.queue_desk import picture

ROOT = Path(__file__).parents[1]
POSTS = 20
"""The number of approved posts, and of deliveries of other posts; there are five times as many drafts."""
COMMANDS = (
    "--help", "queue", "show 1", "move 1 --front", "deliveries", "log 1", "approve {draft}", "withdraw {draft}",
    "pause x moved", "resume x", "cancel {delivery}", "preview 1", "rehearse", "preflight", "alerts", "user list",
    "doctor",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=10, help="how often each command is run; the least time is shown")
    parser.add_argument(
        "--only", action="append", help="run only commands that begin with this; may be given several times"
    )
    arguments = parser.parse_args()
    print("| process | processor |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in measures(Path(folder)):
            if arguments.only and not name.startswith(tuple(arguments.only)):
                continue
            measure()
            print(f"| `{name}` | {min(measure() for _ in range(arguments.repeat)) * 1000:.0f} ms |", flush=True)


def measures(folder: Path) -> Iterator[tuple[str, Callable[[], float]]]:
    """Yields each measurement with its name."""
    for code in ("pass", "import sqlalchemy.orm"):
        yield f'python -c "{code}"', lambda code=code: seconds_of(["-c", code], folder)  # type: ignore[misc]
    desk = fill_desk(folder)
    drafts, deliveries = iter(range(POSTS + 1, 100 * POSTS)), iter(range(1, 100 * POSTS))
    for command in COMMANDS:

        def measure(command: str = command) -> float:
            numbers = {"draft": drafts, "delivery": deliveries}
            command_line = command.format(
                **{name: next(row) for name, row in numbers.items() if f"{{{name}}}" in command}
            )
            return seconds_of(["-m", "publisher", "--config", str(desk.config), *command_line.split()], folder)

        yield f"publisher {command.format(draft=21, delivery=1)}", measure
    yield "publisher run, until ready", lambda: seconds_until_ready(desk)
    yield "the process that opens pictures", lambda: seconds_of_picture(folder)


def seconds_of(
    arguments: list[str], folder: Path, environment: dict[str, str] | None = None, standard_input: bytes | None = None
) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment or {**os.environ, "PYTHONPATH": str(ROOT)},
        input=standard_input,
        capture_output=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def seconds_until_ready(desk: Desk) -> float:
    """Measures a process that goes on running, by its own processor clock."""
    command = [sys.executable, "-m", "publisher", "--config", str(desk.config), "run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if '"ready"' in line:
                break
        else:
            raise RuntimeError("publisher run did not start")
        seconds = time.clock_gettime(~process.pid << 3 | 2)
        process.kill()
    return seconds


def seconds_of_picture(folder: Path) -> float:
    """Measures the process that opens a small picture, whose decoding takes almost no time."""
    file = folder / "small.png"
    if not file.exists():
        draw(file, width=300, height=300)
    request = {"scratch": str(folder), "request": {"task": "inspect", "source": str(file)}}
    command = ["-m", "publisher.adapt.images.process.warm", "10"]
    return seconds_of(command, folder, child_environment(), json.dumps(request).encode() + b"\n")


def fill_desk(folder: Path) -> Desk:
    """Makes a new desk as `publisher init` does, with posts and deliveries."""
    config = folder / "config" / "publisher.toml"
    write_starter(folder)
    # Nothing is published while it runs: it is always too late for the day's post.
    text = config.read_text(encoding="utf-8").replace('hour = "09:00"', 'hour = "00:00"\nlateness = "skip"', 1)
    config.write_text(text, encoding="utf-8")
    desk = Desk(config)
    now = datetime.now(UTC)
    with desk.database.writing() as session:
        session.add_all(_post(f"Ready {number}", now, "approved", number) for number in range(POSTS))
        session.flush()
        session.add_all(_post(f"Draft {number}", now, "draft", POSTS + number) for number in range(POSTS * 5))
        session.flush()
        for number in range(POSTS):
            post = _post(f"Shown {number}", now, "withdrawn", 1000 + number)
            pick = Pick(slot=now.date() + timedelta(days=1000 + number), post=post, reason="queue", picked_at=now)
            session.add_all([post, pick])
            for channel in desk.settings.channels:
                due = now + timedelta(days=1)
                adapted = adapted_post(post.title).model_copy(update={"images": ()})
                open_delivery(
                    session,
                    NewDelivery(pick=pick, channel=channel, adapted=adapted, due_at=due, expires_at=due),
                    now=now,
                )
    desk.database.close()
    return desk


def _post(title: str, now: datetime, state: str, position: float) -> Post:
    return Post(
        state=state,
        approved_at=now if state == "approved" else None,
        position=position,
        title=title,
        credit="Image by the test bench",
        licence="CC BY 4.0",
        language="en",
        created_at=now,
        updated_at=now,
        images=[picture(title, now)],
    )


if __name__ == "__main__":
    main()
