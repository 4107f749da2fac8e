"""Starts and signals the processes of a proof, and starts them again when they end."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from publisher.core.clock import monotonic
from publisher.core.errors import UserError
from publisher.core.messages import _

PROCESS_MODULE = "publisher.proving.process"
TIMEOUT_SECONDS = 120.0


class FleetFailed(UserError):
    """A process could not be started or stopped; the message is one sentence."""

    code = "proof-process-failed"


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """Describes a process that has ended."""

    name: str
    pid: int
    status: int
    """Its exit status, or minus the signal that killed it."""
    at: float
    """By the monotonic clock."""


class Fleet:
    """Runs workers and schedulers on one database. `module` is what runs as their parent."""

    def __init__(self, config: Path, *, workers: int, schedulers: int, module: str = PROCESS_MODULE) -> None:
        self.workers = [f"worker {number}" for number in range(1, workers + 1)]
        self.schedulers = [f"scheduler {number}" for number in range(1, schedulers + 1)]
        self._reports: queue.SimpleQueue[tuple[float, dict[str, Any]]] = queue.SimpleQueue()
        self._running: dict[str, int | None] = {}
        with config.with_name("processes.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this program's own module
                [sys.executable, "-m", module, str(config)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._reader = threading.Thread(target=self._listen, name="fleet", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(TIMEOUT_SECONDS)
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()

    def start_missing(self, *, only_schedulers: bool = False) -> None:
        """Starts every process that does not run."""
        names = [("scheduler", name) for name in self.schedulers]
        if not only_schedulers:
            names += [("worker", name) for name in self.workers]
        for role, name in names:
            if name not in self._running:
                self._running[name] = None
                self._order({"start": role, "name": name})

    def ended(self) -> list[ProcessExit]:
        """Returns the processes that have ended since the last call."""
        ends = []
        while not self._reports.empty():
            at, report = self._reports.get()
            if "status" in report:
                del self._running[report["name"]]
                ends.append(ProcessExit(report["name"], report["pid"], report["status"], at))
            else:
                self._running[report["name"]] = report["pid"]
        if self._process.poll() is not None:
            raise FleetFailed(
                _(
                    "the processes of the proof could not go on (exit status {status})",
                    status=self._process.returncode,
                )
            )
        return ends

    @property
    def living(self) -> frozenset[int]:
        """Returns the process ids of those that run."""
        return frozenset(pid for pid in self._running.values() if pid is not None)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to a process."""
        self._order({"signal": int(number), "name": name})

    def stop(self) -> list[ProcessExit]:
        """Lets every process finish what it has in hand, and waits for that.

        Raises:
            FleetFailed: one of them does not end; the log of the processes then shows where it stands.
        """
        ends = self.ended()
        for name in self._running:
            self.signal(name, signal.SIGTERM)
        deadline = monotonic() + TIMEOUT_SECONDS
        pause = threading.Event()
        while self._running:
            if monotonic() > deadline:
                for name in self._running:
                    self.signal(name, signal.SIGUSR1)
                raise FleetFailed(_("{processes:list} did not stop when told to", processes=tuple(self._running)))
            pause.wait(0.02)
            ends += self.ended()
        return ends

    def _order(self, order: dict[str, Any]) -> None:
        if self._process.stdin:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._reports.put((monotonic(), json.loads(line)))
