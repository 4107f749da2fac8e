"""Measures how far the platforms' clocks are from ours, by the `Date` header of their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from publisher.core.clock import Clock
from publisher.core.logs import get_logger
from publisher.core.messages import Message, _
from publisher.db.operations import Channel
from publisher.db.session import Database

MAX_DIFFERENCE = timedelta(seconds=10)
"""A larger difference is reported to people."""
WORTH_WRITING = timedelta(seconds=2)
"""A header counts whole seconds, and an answer takes its time."""
WRITTEN_AGAIN_AFTER = timedelta(minutes=5)
KNOWN_FOR = timedelta(days=1)
"""What a platform said longer ago says nothing about now."""


@dataclass(frozen=True, slots=True)
class ClockDifference:
    """Holds by how much a platform's clock is ahead of ours; negative: behind."""

    channel: str
    ahead: timedelta
    seen_at: datetime

    def says_about(self, ahead: timedelta, now: datetime) -> bool:
        """Returns whether it was measured a moment ago, and was about as much."""
        lately = timedelta(0) <= now - self.seen_at < WRITTEN_AGAIN_AFTER
        return lately and abs(self.ahead - ahead) <= WORTH_WRITING

    @property
    def is_large(self) -> bool:
        return abs(self.ahead) > MAX_DIFFERENCE

    @property
    def description(self) -> Message:
        """Returns the length and the direction, such as `95 s ahead`."""
        length = format_length(self.ahead)
        return _("{length} ahead", length=length) if self.ahead > timedelta(0) else _("{length} behind", length=length)


class PlatformClocks:
    """Stores the differences by channel. Its method may be called from any thread, and never raises."""

    def __init__(self, database: Callable[[], Database], clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._written: dict[str, ClockDifference] = {}

    def note(self, channel: str, ahead: timedelta) -> None:
        """Stores the difference, unless about the same was stored a moment ago."""
        now = self._clock.now()
        written = self._written.get(channel)
        if written is not None and written.says_about(ahead, now):
            return
        try:
            with self._database().writing() as session:
                session.execute(
                    update(Channel)
                    .where(Channel.name == channel)
                    .values(clock_ahead_seconds=ahead.total_seconds(), clock_seen_at=now)
                )
        except Exception as error:
            # The answer itself matters more, whatever became of the database.
            get_logger("delivery").warning("a platform's time was not kept", channel=channel, why=str(error))
            return
        self._written[channel] = ClockDifference(channel, ahead, now)


def clock_differences(session: Session, now: datetime) -> list[ClockDifference]:
    """Returns each channel's latest difference, whether it is much or little."""
    query = select(Channel).where(Channel.clock_ahead_seconds.is_not(None), Channel.clock_seen_at > now - KNOWN_FOR)
    return [
        ClockDifference(row.name, timedelta(seconds=row.clock_ahead_seconds or 0.0), row.clock_seen_at or now)
        for row in session.scalars(query.order_by(Channel.name))
    ]


class ClockState(StrEnum):
    """Says how this machine's clock compares with those of the platforms."""

    UNKNOWN = "unknown"
    """No platform has given its time lately."""
    AGREES = "agrees"
    OWN_DIFFERS = "own differs"
    """Every platform that gave its time differs from this machine."""
    SOME_DIFFER = "some differ"


@dataclass(frozen=True, slots=True)
class ClockReport:
    """Holds what is known about the clocks: the one source for every face that mentions them."""

    state: ClockState
    differing: tuple[ClockDifference, ...] = ()

    @property
    def is_warning(self) -> bool:
        """Returns whether a person should look. The desk goes on: what the clocks decide waits by itself."""
        return bool(self.differing)

    @property
    def sentence(self) -> Message:
        """Returns a sentence for people."""
        clocks = [
            _("{difference} on {channel}", difference=difference.description, channel=difference.channel)
            for difference in self.differing
        ]
        match self.state:
            case ClockState.UNKNOWN:
                return _("No platform has given its time lately.")
            case ClockState.AGREES:
                return _("It agrees with the platforms'.")
            case ClockState.OWN_DIFFERS:
                return _(
                    "The platforms' clocks differ from this machine's ({differences:list}): "
                    "set this machine's clock right.",
                    differences=clocks,
                )
            case ClockState.SOME_DIFFER:
                return _(
                    "Some platforms' clocks differ from this machine's ({differences:list}) and others don't: what "
                    "stands in front of those platforms may be wrong; check this machine's clock all the same.",
                    differences=clocks,
                )


def compare_clocks(differences: Sequence[ClockDifference]) -> ClockReport:
    """Returns what the platforms' clocks say about ours."""
    large = tuple(difference for difference in differences if difference.is_large)
    if not large:
        return ClockReport(ClockState.AGREES if differences else ClockState.UNKNOWN)
    return ClockReport(ClockState.OWN_DIFFERS if len(large) == len(differences) else ClockState.SOME_DIFFER, large)


def format_length(duration: timedelta) -> Message:
    """Returns about how long it is, whatever its sign: `95 s`, `7 min`, `3 h`."""
    seconds = round(abs(duration.total_seconds()))
    if seconds < 120:
        return _("{seconds} s", seconds=seconds)
    if seconds < 7200:
        return _("{minutes} min", minutes=seconds // 60)
    return _("{hours} h", hours=seconds // 3600)
