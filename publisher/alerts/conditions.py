"""Defines the conditions that people get alerts for, and how a condition ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from publisher.db.models import Delivery
from publisher.schedule.slots import slot_day
from publisher.settings import Settings

MAX_EVENT_AGE = timedelta(days=7)
"""Older events cause no alerts."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds something that a person should know as long as it lasts."""

    subject: str
    """Identifies the occurrence, at most 80 characters: if it happens a second time, the subject differs."""
    kind: str
    title: str
    """What is wrong, in a few words."""
    message: str
    """The details, and the one command or link that mends it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Says that a condition is over. `message` is sent to people; empty: nothing is sent."""

    message: str


SILENT_ENDING = Ending("")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Holds one transaction, the settings and the present instant, from which conditions are read."""

    session: Session
    settings: Settings
    now: datetime

    @property
    def today(self) -> date:
        return slot_day(self.now, self.settings.outlet.zone)

    @property
    def remedies(self) -> Remedies:
        return Remedies.of(self.settings)

    def local(self, instant: datetime | None) -> str:
        """Renders an instant in the outlet's time zone."""
        zone = self.settings.outlet.zone
        return instant.astimezone(zone).strftime("%H:%M on %Y-%m-%d") if instant else "an unknown time"

    def clock(self, instant: datetime) -> str:
        """Renders the time of day of an instant in the outlet's time zone."""
        return f"{instant.astimezone(self.settings.outlet.zone):%H:%M}"

    def delivery_ending(self, delivery: Delivery) -> Ending | None:
        """Returns how a delivery ended; None: it has not ended."""
        if delivery.state == "published":
            link = f": {delivery.remote_url}" if delivery.remote_url else ""
            return Ending(f"Published at {self.local(delivery.published_at)}{link}")
        return Ending("It was canceled.") if delivery.state == "canceled" else None


@dataclass(frozen=True, slots=True)
class Remedies:
    """Names the remedy of each condition: a page of the desk if its address is configured, else a command."""

    link: str

    @classmethod
    def of(cls, settings: Settings) -> Remedies:
        return cls(settings.notify.link.rstrip("/"))

    def delivery(self, delivery: Delivery) -> str:
        if self.link:
            return f"{self.link}/deliveries/{delivery.id}"
        if delivery.unknown_since is not None:
            return (
                f"publisher adopt {delivery.id} LINK if it is there, else publisher retry {delivery.id} --i-have-looked"
            )
        return f"publisher retry {delivery.id}"

    def history(self, delivery: Delivery) -> str:
        return f"{self.link}/deliveries/{delivery.id}" if self.link else f"publisher log {delivery.id}"

    def channel(self, name: str) -> str:
        return f"{self.link}/channels" if self.link else f"publisher resume {name}"

    def deliveries(self) -> str:
        return f"{self.link}/deliveries" if self.link else "publisher deliveries"

    def person(self, email: str) -> str:
        return f"{self.link}/people" if self.link else f"publisher user deactivate {email}"

    def preflight(self, day: date) -> str:
        return f"{self.link}/queue" if self.link else f"publisher preflight --day {day.isoformat()}"

    def queue(self) -> str:
        return f"{self.link}/queue" if self.link else "publisher queue"


def with_remedy(problem: str, remedy: str) -> str:
    """Renders a problem as a sentence with its remedy on the next line, unless the sentence has the remedy in it."""
    if not problem:
        return f"→ {remedy}"
    sentence = f"{problem.rstrip('.')}."
    return sentence if remedy in problem else f"{sentence}\n→ {remedy}"
