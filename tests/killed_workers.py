"""Runs worker processes that are killed at a milestone: `python -m tests.killed_workers`, started by `KilledWorkers`.

Importing the platforms' libraries takes seconds, and there are many to kill. So this process imports them
once, opens nothing, and forks a child for each order, which is a process of its own in all that matters.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from datetime import timedelta
from pathlib import Path

from publisher.delivery.context import DeliveryContext
from publisher.delivery.due import recover_lost
from publisher.delivery.lease_owner import is_surely_gone, owner_name
from publisher.delivery.worker import Worker
from publisher.desk import Desk
from publisher.platforms.profiles import platform_names
from publisher.platforms.registry import adapter_class

ROOT = Path(__file__).parents[1]


class KilledWorkers:
    """Starts workers one after the other; `end` stops the process that they are forked from."""

    def __init__(self, errors: Path) -> None:
        self._errors = errors
        with errors.open("wb") as error_output:
            command = [sys.executable, "-m", "tests.killed_workers"]
            self._parent = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=error_output, text=True
            )

    def start(self, config: Path, channel: str, milestone: str = "") -> int:
        """Starts a worker that drains a channel, and kills itself at a milestone; returns its process id."""
        assert self._parent.stdin is not None
        order = {"config": str(config), "channel": channel, "milestone": milestone, "environment": dict(os.environ)}
        self._parent.stdin.write(f"{json.dumps(order)}\n")
        self._parent.stdin.flush()
        return self._hear()

    def wait(self) -> int:
        """Returns the worker's exit status: 0, or minus the signal that killed it."""
        status = self._hear()
        assert status in (0, -signal.SIGKILL), self._errors.read_text(encoding="utf-8")
        return status

    def _hear(self) -> int:
        assert self._parent.stdout is not None
        line = self._parent.stdout.readline()
        assert line, self._errors.read_text(encoding="utf-8")
        return int(line)

    def end(self) -> None:
        self._parent.communicate()


def drain(config: str, channel: str, milestone: str) -> None:
    desk = Desk(Path(config))

    def reach(reached: str, _delivery: int) -> None:
        if reached == milestone:
            os.kill(os.getpid(), signal.SIGKILL)

    recover_lost(desk.database, desk.now(), timedelta(seconds=0.1), is_surely_gone)
    Worker(
        DeliveryContext(desk.database, desk.channels, desk.renderer, desk.clock, desk.settings.delivery),
        owner=owner_name(),
        milestone=reach,
    ).drain(channel)


def serve() -> None:
    """Starts a child for each order, and writes its process id and, once it has ended, its exit status."""
    for platform in platform_names():
        adapter_class(platform)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            live(order.pop("environment"), **order)
        write_number(child)
        write_number(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def write_number(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def live(environment: dict[str, str], *, config: str, channel: str, milestone: str) -> None:
    """Runs a worker, and ends its process."""
    status = 1
    try:
        # What it logs is no answer.
        os.dup2(2, 1)
        os.environ.clear()
        os.environ.update(environment)
        drain(config, channel, milestone)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
