"""Injects the planned faults into the running desk, and ends them in time."""

from __future__ import annotations

import itertools
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from publisher.core.clock import monotonic
from publisher.core.states import AT_REST
from publisher.db.models import LEASED, Delivery
from publisher.delivery.due import due_channels
from publisher.proving.failure_points import DatabaseFaults, FailurePoints
from publisher.proving.fleet import Fleet
from publisher.proving.outlet import ProvingOutlet
from publisher.proving.plan import PlannedFault
from publisher.proving.process import database_faults, failure_points
from publisher.proving.shared_clock import SharedClock
from publisher.proving.takeover import Takeover
from publisher.sandbox_client import SandboxClient

if TYPE_CHECKING:
    from publisher.proving.postgres import ThrowawayPostgres

FREEZE_SECONDS = 7.0
"""Longer than a lease that covers a publishing request, shorter than that and the look-ups after it.

A worker that is frozen between its last check and its request, for longer than all of these, is the one
case that nothing on our side can prevent; it is not tested here.
"""
SIGNAL_NAMES = {"SIGKILL": "kill", "SIGSTOP": "freeze", "SIGTERM": "stop"}
LOCK_TIMEOUT_SECONDS = 10.0


class Clocks:
    """Moves the outlet's clock and the platforms', which may differ by a skew."""

    def __init__(self, ours: SharedClock, sandbox: SandboxClient, first: datetime) -> None:
        """`first`: the time at the beginning."""
        self._ours = ours
        self._sandbox = sandbox
        self._skew = timedelta(0)
        self.jump_to(first)

    def now(self) -> datetime:
        return self._ours.now()

    def jump_to(self, instant: datetime) -> None:
        """Moves both clocks. The platforms' goes first, so that no post is older than its request."""
        offset = self._ours.offset_to(instant)
        self._sandbox.post("/clock", {"offset_seconds": (offset - self._skew).total_seconds()})
        self._ours.move(offset)

    def advance(self, time: timedelta) -> None:
        """Lets so much time pass."""
        self.jump_to(self.now() + time)

    def skew(self, seconds: float) -> None:
        """Makes our clock, and only it, wrong by so much from now on."""
        wrong = timedelta(seconds=seconds)
        self._ours.move(self._ours.offset_to(self._ours.now() + wrong - self._skew))
        self._skew = wrong


class FaultInjector:
    """Begins the faults of a plan, ends them, and counts them."""

    def __init__(
        self, fleet: Fleet, clocks: Clocks, outlet: ProvingOutlet, seed: int, server: ThrowawayPostgres | None = None
    ) -> None:
        self._fleet = fleet
        self._outlet = outlet
        self._server = server
        self._clocks = clocks
        self._file = outlet.settings.database_file
        self._points: FailurePoints = failure_points(outlet.config)
        self._database_faults: DatabaseFaults = database_faults(outlet.config)
        self._chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._numbers = itertools.count(1)
        self._endings: list[tuple[float, Callable[[], None]]] = []
        self._freezes: set[str] = set()
        self._takeovers: list[Takeover] = []
        self._added: list[str] = []
        self.locked = False
        """Whether the proof itself holds the database's lock, and must not write."""
        self.done: Counter[str] = Counter()

    def begin(self, fault: PlannedFault) -> None:
        """Begins a fault."""
        match fault.kind:
            case "failure point":
                self._add(fault.milestone, signal.SIGKILL)
            case "kill worker":
                self._signal(self._fleet.workers, signal.SIGKILL)
            case "kill scheduler":
                self._signal(self._fleet.schedulers, signal.SIGKILL)
            case "stop":
                self._stop(fault.milestone)
            case "freeze":
                self._freeze(fault.milestone)
            case "overtake":
                self._takeovers.append(
                    Takeover(
                        self._points,
                        fault.milestone,
                        self._numbers,
                        is_at_rest=self._is_at_rest,
                        is_busy=self._is_busy,
                    )
                )
            case "skew":
                self._clocks.skew(fault.amount)
            case "leap":
                self._clocks.jump_to(self._clocks.now() + timedelta(seconds=fault.amount))
            case _:
                self._begin_database_fault(fault)
        if not fault.milestone:
            self.done[fault.kind] += 1

    def _begin_database_fault(self, fault: PlannedFault) -> None:
        match fault.kind:
            case "lock":
                self._lock(fault.amount)
            case "cut":
                self._cut()
            case "crash":
                self._restart(signal.SIGQUIT)
            case "restart":
                self._restart(signal.SIGINT)
            case _:
                self._database_faults.begin(fault.kind)
                self._later(fault.amount, lambda: self._database_faults.end(fault.kind))

    def end_due(self) -> None:
        """Ends the faults that have lasted long enough."""
        now = monotonic()
        due = [ending for at, ending in self._endings if at <= now]
        self._endings = [(at, ending) for at, ending in self._endings if at > now]
        for ending in due:
            ending()
        for takeover in self._takeovers:
            takeover.step()
        self._count_takeovers()
        self._count_points()

    @property
    def is_active(self) -> bool:
        """Tells whether a fault goes on."""
        return bool(self._endings or self._takeovers)

    @property
    def stands_still(self) -> bool:
        """Tells whether a worker stands still, or may at any moment, and keeps its locks."""
        return bool(self._freezes or self._takeovers)

    def end_all(self) -> None:
        """Ends every fault at once."""
        for _, ending in self._endings:
            ending()
        self._endings = []
        for takeover in self._takeovers:
            takeover.end()
        self._count_takeovers()
        self._count_points()
        for name in self._added:
            self._points.remove(name)

    def _later(self, seconds: float, ending: Callable[[], None]) -> None:
        self._endings.append((monotonic() + seconds, ending))

    def _add(self, milestone: str, number: signal.Signals) -> str:
        name = self._points.add(milestone, next(self._numbers), number)
        self._added.append(name)
        return name

    def _count_points(self) -> None:
        waiting = self._points.waiting()
        for name in [name for name in self._added if name not in waiting]:
            milestone, _, signal_name = name.split(".")
            self.done[f"{SIGNAL_NAMES[signal_name]} at {milestone}"] += 1
            self._added.remove(name)

    def _count_takeovers(self) -> None:
        over = [takeover for takeover in self._takeovers if takeover.over]
        self._takeovers = [takeover for takeover in self._takeovers if not takeover.over]
        self.done.update("two on one delivery" for takeover in over if takeover.happened)

    def _is_at_rest(self, delivery: int) -> bool:
        with self._outlet.database.reading() as session:
            return session.scalar(select(Delivery.state).where(Delivery.id == delivery)) in AT_REST

    def _is_busy(self) -> bool:
        """Tells whether a worker has something in hand, or could claim it now."""
        with self._outlet.database.reading() as session:
            in_hand = session.scalar(select(Delivery.id).where(Delivery.state.in_(LEASED)).limit(1)) is not None
            return in_hand or bool(due_channels(session, self._clocks.now()))

    def _signal(self, names: list[str], number: signal.Signals) -> None:
        self._fleet.signal(self._chance.choice(names), number)

    def _stop(self, milestone: str) -> None:
        """Asks a worker to stop: one by chance, or the next that passes the milestone."""
        if milestone:
            self._add(milestone, signal.SIGTERM)
        else:
            self._signal(self._fleet.workers, signal.SIGTERM)

    def _freeze(self, milestone: str) -> None:
        name = self._add(milestone, signal.SIGSTOP)
        self._freezes.add(name)
        self._later(FREEZE_SECONDS, lambda: self._thaw(name))

    def _thaw(self, name: str) -> None:
        self._freezes.discard(name)
        if self._points.remove(name):
            self._points.resume(name)
        elif name in self._added:
            self._added.remove(name)

    def _cut(self) -> None:
        """Closes every connection to the database, those of the proof itself included."""
        with self._outlet.database.writing() as session:
            session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )

    def _restart(self, number: signal.Signals) -> None:
        if self._server is not None:
            self._server.restart(number)

    def _lock(self, seconds: float) -> None:
        if self._file is None:
            return
        if self.stands_still:
            # A stopped worker may hold the lock, and is resumed by the same thread that would wait for the lock here.
            self._later(1.0, lambda: self._lock(seconds))
            return
        connection = sqlite3.connect(self._file, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        self.locked = True
        self._later(seconds, lambda: self._unlock(connection))

    def _unlock(self, connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        connection.close()
        self.locked = False
