"""Watches deliveries during a proof: which are open, and how long those of killed processes take."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import and_, or_, select

from publisher.core.states import OPEN, OPEN_CORRECTIONS, WAITING, CorrectionState, State
from publisher.db.corrections import Correction
from publisher.db.models import Delivery, Pick
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.proving.fleet import ProcessExit

ALLOWANCE = timedelta(minutes=2)
READ_BACK_ALLOWANCE = timedelta(minutes=30)
MAX_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Jump:
    """Says how far the clock may jump when nothing else is to be waited for."""

    due: datetime
    """When the first delivery is due: before, there is nothing to do."""
    to: datetime
    """The latest instant at which none is later than its allowance."""


def open_deliveries(database: Database) -> list[Delivery]:
    """Returns the deliveries that are not done, those with a read-back to come included."""
    query = select(Delivery).where(
        or_(Delivery.state.in_(OPEN), and_(Delivery.state == State.PUBLISHED, Delivery.verify_at.is_not(None)))
    )
    with database.reading() as session:
        return list(session.scalars(query))


def open_corrections(database: Database) -> list[Correction]:
    """Returns the corrections of published posts that are not over."""
    with database.reading() as session:
        return list(session.scalars(select(Correction).where(Correction.state.in_(OPEN_CORRECTIONS))))


def is_picked(database: Database, day: date) -> bool:
    """Tells whether the day's slot was decided, with a post or without."""
    with database.reading() as session:
        return session.scalar(select(Pick.id).where(Pick.slot == day)) is not None


def is_filled(database: Database, day: date) -> bool:
    """Tells whether a post was picked for the day."""
    with database.reading() as session:
        return session.scalar(select(Pick.id).where(Pick.slot == day, Pick.post_id.is_not(None))) is not None


def next_jump(
    database: Database, rows: Sequence[Delivery], corrections: Sequence[Correction] = (), *, still: bool
) -> Jump | None:
    """Returns how far the clock may jump, if all of these wait for the clock alone; None when one does not.

    A jump to it must not hurry the look-ups of an unknown outcome: a request that was begun may
    still be on its way. They count only when everything has been `still` for a while: a process
    was killed in the middle of a look-up.
    """
    waiting = WAITING if still else {State.PENDING}
    if any(row.state not in (*waiting, State.PUBLISHED) for row in rows):
        return None
    waiting_corrections = (CorrectionState.WAITING, *([CorrectionState.UNKNOWN] if still else []))
    if any(correction.state not in waiting_corrections for correction in corrections):
        return None
    with database.reading() as session:
        waits = {channel.name: channel.next_publish_at for channel in session.scalars(select(Channel))}
    dues = [(_next_look_at(row, waits[row.channel_name]), State(row.state)) for row in rows]
    dues += [
        (max(correction.due_at, waits[correction.channel_name] or correction.due_at), State.PENDING)
        for correction in corrections
    ]
    if not dues:
        return None
    return Jump(min(due for due, _ in dues), min(due + _allowance(state) for due, state in dues))


def _allowance(state: str) -> timedelta:
    """Returns how late the clock may come for a delivery, so that one jump serves many."""
    return READ_BACK_ALLOWANCE if state == State.PUBLISHED else ALLOWANCE


def _next_look_at(row: Delivery, channel_waits: datetime | None) -> datetime:
    if row.state == State.PUBLISHED and row.verify_at is not None:
        return row.verify_at
    return max(row.due_at, channel_waits or row.due_at)


class ChangeTimer:
    """Measures for how long no delivery has changed, as far as somebody looked.

    A pause between two looks counts as `MAX_LOOK_SECONDS` at most: while the proof itself waits, for processes that
    finish their work or for a busy machine, it can't see what the desk does.
    """

    def __init__(self) -> None:
        self._last: frozenset[tuple[int, int, str]] = frozenset()
        self._looked_at: float | None = None
        self.unchanged = 0.0
        """Seconds."""

    def begin(self, now: float) -> None:
        """Begins a day. `now`: by the monotonic clock."""
        self._looked_at, self.unchanged = now, 0.0

    def look(self, rows: Sequence[Delivery | Correction], now: float) -> float:
        """Compares with the last look, and returns for how many seconds nothing has changed."""
        pause = now - (now if self._looked_at is None else self._looked_at)
        self._looked_at = now
        current = frozenset((row.id, row.fence, row.state) for row in rows)
        self.unchanged = self.unchanged + min(pause, MAX_LOOK_SECONDS) if current == self._last else 0.0
        self._last = current
        return self.unchanged


class Recovery:
    """Measures the seconds from a kill until the process's deliveries were taken over, and until they were at rest."""

    def __init__(self) -> None:
        self.taken_back: list[float] = []
        self.at_rest: list[float] = []
        self._dead: dict[str, float] = {}
        self._lost: dict[int, float] = {}
        self._awaited: dict[int, float] = {}

    def died(self, end: ProcessExit) -> None:
        """Records the end of a process."""
        self._dead[str(end.pid)] = end.at

    def watch(self, rows: Sequence[Delivery], living: Collection[int], now: float) -> None:
        """Compares with the last call; `rows` are the open deliveries, `living` the ids of the processes that run."""
        # Ids are used again: a process that runs is not the one that died under its number an hour ago.
        for alive in living:
            self._dead.pop(str(alive), None)
        owners = {row.id: (row.lease_owner or "::").split(":")[1] for row in rows}
        unfinished = {row.id for row in rows if row.state not in (State.PUBLISHED, State.HELD)}
        for number, pid in owners.items():
            if pid in self._dead:
                self._lost.setdefault(number, self._dead[pid])
                self._awaited.setdefault(number, self._dead[pid])
        for number in [number for number in self._lost if owners.get(number, "") not in self._dead]:
            self.taken_back.append(now - self._lost.pop(number))
        for number in [number for number in self._awaited if number not in unfinished]:
            self.at_rest.append(now - self._awaited.pop(number))
