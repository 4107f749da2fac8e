"""The processes of a proof, seen from outside: started, signalled, started again when they end."""

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

PROCESS = "publisher.proving.process"
TIMEOUT_SECONDS = 120.0


class FleetFailed(UserError):
    """A process could not be started or stopped; the message is one sentence."""

    code = "proof-process-failed"


@dataclass(frozen=True, slots=True)
class End:
    """A process that has ended."""

    name: str
    pid: int
    status: int
    """Its exit status, or minus the signal that killed it."""
    at: float
    """By the monotonic clock."""


class Fleet:
    """So many workers and schedulers on one database. `module` is what runs as their parent."""

    def __init__(self, config: Path, *, workers: int, schedulers: int, module: str = PROCESS) -> None:
        self.workers = [f"worker {number}" for number in range(1, workers + 1)]
        self.schedulers = [f"scheduler {number}" for number in range(1, schedulers + 1)]
        self._news: queue.SimpleQueue[tuple[float, dict[str, Any]]] = queue.SimpleQueue()
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
        """Start every process that does not run."""
        for name in (*self.schedulers, *(() if only_schedulers else self.workers)):
            if name not in self._running:
                self._running[name] = None
                self._order({"start": name.partition(" ")[0], "name": name})

    def ended(self) -> list[End]:
        """Those that have ended since the last question."""
        ends = []
        while not self._news.empty():
            at, news = self._news.get()
            if "status" in news:
                del self._running[news["name"]]
                ends.append(End(news["name"], news["pid"], news["status"], at))
            else:
                self._running[news["name"]] = news["pid"]
        if self._process.poll() is not None:
            raise FleetFailed(f"the processes of the proof could not go on (exit status {self._process.returncode})")
        return ends

    @property
    def living(self) -> frozenset[int]:
        """The process ids of those that run."""
        return frozenset(pid for pid in self._running.values() if pid is not None)

    def signal(self, name: str, number: signal.Signals) -> None:
        self._order({"signal": int(number), "name": name})

    def stop(self) -> list[End]:
        """Let every process finish what it has in hand, and wait for that.

        Raises:
            FleetFailed: one of them does not end; the log of the processes then shows where it stands.
        """
        ends = self.ended()
        for name in self._running:
            self.signal(name, signal.SIGTERM)
        patience = monotonic() + TIMEOUT_SECONDS
        pause = threading.Event()
        while self._running:
            if monotonic() > patience:
                for name in self._running:
                    self.signal(name, signal.SIGUSR1)
                raise FleetFailed(f"{', '.join(self._running)} did not stop when told to")
            pause.wait(0.02)
            ends += self.ended()
        return ends

    def _order(self, order: dict[str, Any]) -> None:
        if self._process.stdin:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._news.put((monotonic(), json.loads(line)))
