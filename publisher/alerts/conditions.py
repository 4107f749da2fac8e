"""Defines the conditions that people get alerts for, and how a condition ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from publisher.alerts.problem_codes import AlertEnding, AlertProblem
from publisher.core.messages import Message
from publisher.core.problems import Problem
from publisher.core.states import State
from publisher.db.models import Delivery
from publisher.db.operations import Alert, AlertKind
from publisher.schedule.slots import slot_day
from publisher.settings import Settings

MAX_EVENT_AGE = timedelta(days=7)
"""Older events cause no alerts."""
DELIVERY_KINDS = (AlertKind.HELD, AlertKind.FAILED, AlertKind.MISSED)
"""Deliveries that wait for a person."""


class AlertIdentity(NamedTuple):
    """Tells one condition from another: two with the same identity are one open alert."""

    kind: str
    channel: str
    delivery_id: int
    day: date | None
    occurrence: str

    @property
    def order(self) -> tuple[str, str, int, str, str]:
        """The order in which every process opens alerts, so that none waits for another in a circle."""
        return (self.kind, self.channel, self.delivery_id, str(self.day or ""), self.occurrence)


def identity_of(alert: Alert) -> AlertIdentity:
    return AlertIdentity(alert.kind, alert.channel, alert.delivery_id, alert.day, alert.occurrence)


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds something that a person should know as long as it lasts."""

    kind: AlertKind
    headline: Problem
    """What is wrong, in a few words."""
    problem: Problem
    """What is wrong, what it means, and what a person can do."""
    channel: str = ""
    delivery_id: int = 0
    day: date | None = None
    occurrence: str = ""
    """Differs when the same thing happens a second time; at most 80 characters."""

    @property
    def identity(self) -> AlertIdentity:
        return AlertIdentity(self.kind, self.channel, self.delivery_id, self.day, self.occurrence)


@dataclass(frozen=True, slots=True)
class Ending:
    """Says that a condition is over. `problem` says how, and is sent to people; None: nothing is sent."""

    problem: Problem | None


SILENT_ENDING = Ending(None)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Holds one transaction, the settings and the present instant, from which conditions are read."""

    session: Session
    settings: Settings
    now: datetime

    @property
    def today(self) -> date:
        return slot_day(self.now, self.settings.outlet.zone)


def ending_of_delivery(delivery: Delivery) -> Ending | None:
    """Returns how a delivery ended; None: it has not ended."""
    if delivery.state == State.PUBLISHED:
        if delivery.remote_url:
            return Ending(AlertEnding.PUBLISHED(at=delivery.shown_since, url=delivery.remote_url))
        return Ending(AlertEnding.PUBLISHED_WITHOUT_LINK(at=delivery.shown_since))
    return Ending(AlertEnding.CANCELED()) if delivery.state == State.CANCELED else None


def stated_reason(recorded: Problem | None) -> Problem:
    """Returns the reason that was recorded, or says that none was."""
    return recorded or AlertProblem.NO_REASON()


def without_remedy(text: Message | Problem) -> Message:
    """Returns what is wrong alone, for a text that names a remedy of its own."""
    return text.message if isinstance(text, Problem) else text
