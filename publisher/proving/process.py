"""Runs worker and scheduler processes that can be killed: `python -m publisher.proving.process CONFIG`.

Importing the platforms' libraries takes seconds, and a proof kills a process every few seconds.
So this process imports everything once, opens nothing, and forks a child for each worker and scheduler.

Orders come as JSON lines on standard input, `{"start": "worker", "name": "worker 1"}` and
`{"signal": 15, "name": "worker 1"}`; reports are written as such lines: `{"name", "pid"}` when a child
has begun, `{"name", "pid", "status"}` when it has ended. When the input ends, every child is killed.
"""

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import configure_mappers

from publisher.adapt.text.counting import excess
from publisher.core.clock import sleep
from publisher.core.logs import configure_logs, get_logger
from publisher.core.stop_signal import StopSignal
from publisher.db.history import UnknownHistory
from publisher.delivery.context import DeliveryContext
from publisher.delivery.dispatch import ThreadDispatcher
from publisher.delivery.due import due_channels
from publisher.delivery.lease_owner import owner_name
from publisher.delivery.removed_channels import hold_removed
from publisher.delivery.worker import Worker
from publisher.platforms.registry import adapter_class
from publisher.proving.failure_points import DatabaseFaults, FailurePoints
from publisher.proving.outlet import ProvingOutlet
from publisher.proving.shared_clock import SharedClock
from publisher.schedule.picking import pick_slot
from publisher.scheduler import Callbacks, RegularJob, Scheduler

POLL_SECONDS = 0.1
HOLD_SECONDS = 1.0
OPEN_TRIES, OPEN_PAUSE_SECONDS = 100, 0.3
REFUSED_STATUS = 3
"""The exit status of a process that refuses a database which is not the one that the desk last used."""
STDIN, STDOUT = 0, 1
ENGINE = "publisher.delivery.engine"
"""Needs packages of the extra `postgresql`, so only a proof on PostgreSQL imports it."""
A_LINK = "https://example.org"
"""Every unit counts a link, some by rules that take a second to load."""
STACKS_SIGNAL = signal.SIGUSR1
"""Makes a process write the stacks of its threads to its standard error."""


def main() -> int:
    """Serves until the input ends."""
    config = Path(sys.argv[1])
    configure_logs(stream=sys.stderr, json=True)
    load_what_all_use(ProvingOutlet(config, shared_clock(config)))
    ProcessPool(config).serve()
    return 0


def load_what_all_use(outlet: ProvingOutlet) -> None:
    """Loads what every child would load for itself: the platforms' libraries, their text rules, the tables' classes."""
    for target in outlet.targets.values():
        adapter_class(target.platform)
        excess(A_LINK, target.profile.text)
    configure_mappers()
    if outlet.settings.delivery.dispatch == "procrastinate":
        import_module(ENGINE)


def shared_clock(config: Path) -> SharedClock:
    """Returns the clock of a proof, by its configuration file."""
    return SharedClock(config.with_name("clock"))


def failure_points(config: Path) -> FailurePoints:
    """Returns the failure points of a proof, by its configuration file."""
    return FailurePoints(config.with_name("failure-points"))


def database_faults(config: Path) -> DatabaseFaults:
    """Returns the faults of a proof's database, by its configuration file."""
    return DatabaseFaults(config.with_name("database-faults"))


class ProcessPool:
    """Forks children, passes signals on to them, and reports when they end."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._children: dict[int, str] = {}

    def serve(self) -> None:
        """Carries out orders until the input ends."""
        # A child ignores the signal to stop until it can handle it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        unread = b""
        while True:
            readable, _, _ = select.select([STDIN], [], [], 0.02)
            self._reap()
            if not readable:
                continue
            chunk = os.read(STDIN, 65536)
            if not chunk:
                break
            *lines, unread = (unread + chunk).split(b"\n")
            for line in lines:
                self._carry_out(json.loads(line))
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _carry_out(self, order: dict[str, Any]) -> None:
        if "start" in order:
            self._start(order["start"], order["name"])
            return
        for pid, name in self._children.items():
            if name == order["name"]:
                os.kill(pid, order["signal"])

    def _start(self, role: str, name: str) -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(_run_child(role, self._config))
        self._children[pid] = name
        _report({"name": name, "pid": pid})

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _report({"name": self._children.pop(pid), "pid": pid, "status": os.waitstatus_to_exitcode(status)})


def _report(report: dict[str, Any]) -> None:
    os.write(STDOUT, json.dumps(report).encode() + b"\n")


def _run_child(role: str, config: Path) -> int:
    """Runs a child to its end, without the input of its parent, and returns its exit status."""
    stop = StopSignal(signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    faulthandler.register(STACKS_SIGNAL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, STDIN)
    os.dup2(nothing, STDOUT)
    try:
        outlet = ProvingOutlet(config, shared_clock(config))
        _open_database(outlet)
        if outlet.settings.database_file is not None:
            database_faults(config).watch(outlet.database)
        (_run_worker if role == "worker" else _run_scheduler)(outlet, stop)
    except UnknownHistory as error:
        get_logger("proving").error("a process refused to start", role=role, why=str(error))
        return REFUSED_STATUS
    except Exception:
        get_logger("proving").exception("a process ended by itself", role=role)
        return 1
    return 0


def _open_database(outlet: ProvingOutlet) -> None:
    """Opens the database, and waits for a server that is just starting again, as a service manager would.

    Raises:
        UnknownHistory: the database is not the one that the desk last used.
    """
    for tries_left in reversed(range(OPEN_TRIES)):
        try:
            outlet.database  # noqa: B018 - opened at the first use
            return
        except DBAPIError:
            if not tries_left:
                raise
            sleep(OPEN_PAUSE_SECONDS)


def _run_worker(outlet: ProvingOutlet, stop: StopSignal) -> None:
    """Delivers what is due on any channel until told to stop, and finishes what is in hand."""
    delivery = outlet.settings.delivery
    worker = Worker(
        DeliveryContext(outlet.database, outlet.channels, outlet.renderer, outlet.clock, delivery),
        owner=owner_name(),
        milestone=failure_points(outlet.config).reach,
    )
    if delivery.dispatch == "procrastinate":
        engine = import_module(ENGINE).EngineWorker(
            outlet.settings.database_url, worker.drain, threads=delivery.workers
        )
        engine.start()
        stop.wait()
        engine.stop()
        return
    dispatcher = ThreadDispatcher(worker.drain, threads=delivery.workers)
    while not stop.wait(POLL_SECONDS):
        with outlet.database.reading() as session:
            channels = due_channels(session, outlet.clock.now())
        for channel in channels:
            dispatcher.kick(channel)
    dispatcher.stop()


def _run_scheduler(outlet: ProvingOutlet, stop: StopSignal) -> None:
    """Picks posts, takes deliveries back and marks them as missed, until told to stop."""

    def pick() -> None:
        pick_slot(outlet.database, outlet.settings, outlet.targets, outlet.people, outlet.clock.now())

    def hold() -> None:
        hold_removed(outlet.database, outlet.settings.channels, outlet.clock.now())

    by_engine = outlet.settings.delivery.dispatch == "procrastinate"
    kick = import_module(ENGINE).EngineDispatcher(outlet.database).kick if by_engine else _ignore_kick
    scheduler = Scheduler(
        outlet.database,
        outlet.clock,
        Callbacks(pick=pick, kick=kick),
        first_look_up=timedelta(seconds=outlet.settings.delivery.look_up_after[0]),
        jobs=[RegularJob("holding what waits for removed channels", HOLD_SECONDS, hold)],
    )
    scheduler.start()
    stop.wait()
    scheduler.stop()


def _ignore_kick(_channel: str) -> None:
    """Does nothing: workers of other processes look for work by themselves."""


if __name__ == "__main__":
    sys.exit(main())
