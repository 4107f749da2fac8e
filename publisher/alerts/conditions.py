"""What people are told of: a condition that is seen in the rows, and how one that was told comes to its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from publisher.db.models import Delivery
from publisher.schedule.slots import slot_day
from publisher.settings import Settings

NEWS = timedelta(days=7)
"""What happened longer ago is told to nobody any more."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that a person should know of, for as long as it lasts."""

    subject: str
    """One per occurrence, at most 80 characters: the same trouble a second time has another subject."""
    kind: str
    title: str
    """What is wrong, in a few words."""
    message: str
    """The rest, and the one command or link that mends it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A condition is over. `told` is the sentence that says how; empty where that is no news."""

    told: str


QUIET = Ending("")


@dataclass(frozen=True, slots=True)
class View:
    """The rows of one transaction, and the present instant."""

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
        """An instant as the outlet's clocks show it."""
        zone = self.settings.outlet.zone
        return instant.astimezone(zone).strftime("%H:%M on %Y-%m-%d") if instant else "an unknown time"

    def clock(self, instant: datetime) -> str:
        """The time of day of an instant, as the outlet's clocks show it."""
        return f"{instant.astimezone(self.settings.outlet.zone):%H:%M}"

    def end_of(self, delivery: Delivery) -> Ending | None:
        """How a delivery came to its end; None while it has not."""
        if delivery.state == "published":
            where = f": {delivery.remote_url}" if delivery.remote_url else ""
            return Ending(f"Published at {self.local(delivery.published_at)}{where}")
        return Ending("It was canceled.") if delivery.state == "canceled" else None


@dataclass(frozen=True, slots=True)
class Remedies:
    """The way out of each trouble: a page of the desk where people have its address, else a command."""

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
    """A problem as a sentence, then the way out of it, unless the sentence names that itself."""
    if not problem:
        return f"→ {remedy}"
    sentence = f"{problem.rstrip('.')}."
    return sentence if remedy in problem else f"{sentence}\n→ {remedy}"
