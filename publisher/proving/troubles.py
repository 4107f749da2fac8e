"""What a plan's acts do to the running desk, and when it is over."""

from __future__ import annotations

import itertools
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select, text

from publisher.core.clock import monotonic
from publisher.core.states import AT_REST
from publisher.db.models import LEASED, Delivery
from publisher.delivery.due import due_channels
from publisher.proving.disturbed import Disk, Traps
from publisher.proving.fleet import Fleet
from publisher.proving.outlet import ProvingOutlet
from publisher.proving.plan import Act
from publisher.proving.postgres import ThrowawayPostgres
from publisher.proving.process import disk, traps
from publisher.proving.shared_clock import SharedClock
from publisher.proving.takeover import Takeover
from publisher.sandbox_client import SandboxClient

FREEZE_SECONDS = 7.0
"""Longer than a lease that covers a publishing request, shorter than that and the look-ups after it.

A worker that is frozen between its last check and its request, and for longer than all of
these, is the one case that nothing on our side can close; it is not asked for here.
"""
SIGNALS = {"SIGKILL": "kill", "SIGSTOP": "freeze", "SIGTERM": "stop"}
LOCK_TIMEOUT = 10.0


class Clocks:
    """The outlet's clock and the platforms', which may differ by a skew."""

    def __init__(self, ours: SharedClock, sandbox: SandboxClient, first: datetime) -> None:
        """`first`: what they show at the beginning."""
        self._ours = ours
        self._sandbox = sandbox
        self._skew = timedelta(0)
        self.jump_to(first)

    def now(self) -> datetime:
        return self._ours.now()

    def jump_to(self, instant: datetime) -> None:
        """Move both clocks. The platforms' goes first, so that no post is older than its request."""
        offset = self._ours.offset_to(instant)
        self._sandbox.post("/clock", {"offset_seconds": (offset - self._skew).total_seconds()})
        self._ours.move(offset)

    def pass_by(self, time: timedelta) -> None:
        """Let so much time pass."""
        self.jump_to(self.now() + time)

    def skew(self, seconds: float) -> None:
        """Let our clock, and only it, be wrong by so much from now on."""
        wrong = timedelta(seconds=seconds)
        self._ours.move(self._ours.offset_to(self._ours.now() + wrong - self._skew))
        self._skew = wrong


class Troubles:
    """Does the acts of a plan, ends what takes time, and counts."""

    def __init__(
        self, fleet: Fleet, clocks: Clocks, outlet: ProvingOutlet, seed: int, server: ThrowawayPostgres | None = None
    ) -> None:
        self._fleet = fleet
        self._outlet = outlet
        self._server = server
        self._clocks = clocks
        self._file = outlet.settings.database_file
        self._traps: Traps = traps(outlet.config)
        self._disk: Disk = disk(outlet.config)
        self._chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._numbers = itertools.count(1)
        self._endings: list[tuple[float, Callable[[], None]]] = []
        self._freezes: set[str] = set()
        self._overtakings: list[Takeover] = []
        self._laid: list[str] = []
        self.locked = False
        """The proof itself holds the database's lock, and must not write."""
        self.done: Counter[str] = Counter()

    def do(self, act: Act) -> None:
        match act.kind:
            case "trap":
                self._lay(act.milestone, signal.SIGKILL)
            case "kill worker":
                self._signal(self._fleet.workers, signal.SIGKILL)
            case "kill scheduler":
                self._signal(self._fleet.schedulers, signal.SIGKILL)
            case "stop":
                self._stop(act.milestone)
            case "freeze":
                self._freeze(act.milestone)
            case "overtake":
                self._overtakings.append(
                    Takeover(
                        self._traps,
                        act.milestone,
                        self._numbers,
                        is_at_rest=self._is_at_rest,
                        is_busy=self._is_busy,
                    )
                )
            case "skew":
                self._clocks.skew(act.amount)
            case "leap":
                self._clocks.jump_to(self._clocks.now() + timedelta(seconds=act.amount))
            case _:
                self._do_to_database(act)
        if not act.milestone:
            self.done[act.kind] += 1

    def _do_to_database(self, act: Act) -> None:
        match act.kind:
            case "lock":
                self._lock(act.amount)
            case "cut":
                self._cut()
            case "crash":
                self._restart(signal.SIGQUIT)
            case "restart":
                self._restart(signal.SIGINT)
            case _:
                self._disk.spoil(act.kind)
                self._later(act.amount, lambda: self._disk.mend(act.kind))

    def end_due(self) -> None:
        """End whatever has lasted long enough."""
        now = monotonic()
        due = [ending for at, ending in self._endings if at <= now]
        self._endings = [(at, ending) for at, ending in self._endings if at > now]
        for ending in due:
            ending()
        for overtaking in self._overtakings:
            overtaking.step()
        self._count_overtakings()
        self._count_traps()

    @property
    def lasting(self) -> bool:
        """Whether some trouble goes on."""
        return bool(self._endings or self._overtakings)

    @property
    def standing(self) -> bool:
        """Whether a worker stands still, or may at any moment, and with it whatever it has locked."""
        return bool(self._freezes or self._overtakings)

    def end_all(self) -> None:
        """Nothing more may happen."""
        for _, ending in self._endings:
            ending()
        self._endings = []
        for overtaking in self._overtakings:
            overtaking.end()
        self._count_overtakings()
        self._count_traps()
        for name in self._laid:
            self._traps.withdraw(name)

    def _later(self, seconds: float, ending: Callable[[], None]) -> None:
        self._endings.append((monotonic() + seconds, ending))

    def _lay(self, milestone: str, wanted: signal.Signals) -> str:
        name = self._traps.lay(milestone, next(self._numbers), wanted)
        self._laid.append(name)
        return name

    def _count_traps(self) -> None:
        waiting = self._traps.waiting()
        for name in [name for name in self._laid if name not in waiting]:
            milestone, _, wanted = name.split(".")
            self.done[f"{SIGNALS[wanted]} at {milestone}"] += 1
            self._laid.remove(name)

    def _count_overtakings(self) -> None:
        over = [overtaking for overtaking in self._overtakings if overtaking.over]
        self._overtakings = [overtaking for overtaking in self._overtakings if not overtaking.over]
        self.done.update("two on one delivery" for overtaking in over if overtaking.happened)

    def _is_at_rest(self, delivery: int) -> bool:
        with self._outlet.database.reading() as session:
            return session.scalar(select(Delivery.state).where(Delivery.id == delivery)) in AT_REST

    def _is_busy(self) -> bool:
        """Whether a worker has something in hand, or could claim it now."""
        with self._outlet.database.reading() as session:
            in_hand = session.scalar(select(Delivery.id).where(Delivery.state.in_(LEASED)).limit(1)) is not None
            return in_hand or bool(due_channels(session, self._clocks.now()))

    def _signal(self, names: list[str], number: signal.Signals) -> None:
        self._fleet.signal(self._chance.choice(names), number)

    def _stop(self, milestone: str) -> None:
        """Ask a worker to stop: one by chance, or the next that passes the milestone."""
        if milestone:
            self._lay(milestone, signal.SIGTERM)
        else:
            self._signal(self._fleet.workers, signal.SIGTERM)

    def _freeze(self, milestone: str) -> None:
        name = self._lay(milestone, signal.SIGSTOP)
        self._freezes.add(name)
        self._later(FREEZE_SECONDS, lambda: self._thaw(name))

    def _thaw(self, name: str) -> None:
        self._freezes.discard(name)
        if self._traps.withdraw(name):
            self._traps.let_go(name)
        elif name in self._laid:
            self._laid.remove(name)

    def _cut(self) -> None:
        """Break every connection to the database off, those of the proof itself included."""
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
        if self.standing:
            # Who stands still may hold the lock, and is let go by the very thread that would wait for it here.
            self._later(1.0, lambda: self._lock(seconds))
            return
        connection = sqlite3.connect(self._file, timeout=LOCK_TIMEOUT, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        self.locked = True
        self._later(seconds, lambda: self._unlock(connection))

    def _unlock(self, connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        connection.close()
        self.locked = False
