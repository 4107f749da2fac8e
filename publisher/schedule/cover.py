"""Tells how many coming days have a post, and how many of them show the reserve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from publisher.core.messages import Message, ngettext
from publisher.schedule.projection import HORIZON_DAYS, ProjectedDay


@dataclass(frozen=True, slots=True)
class Cover:
    """Holds how many coming days have a post before the first that has none."""

    days: int
    from_reserve: int
    """How many of these days show a post of the reserve, which repeats."""

    @property
    def is_whole_horizon(self) -> bool:
        """Returns whether more days may have a post: so far ahead, nothing is projected."""
        return self.days >= HORIZON_DAYS

    @property
    def sentence(self) -> Message:
        """Says it to a person."""
        if self.is_whole_horizon and self.from_reserve:
            return ngettext(
                "The coming {days} days are covered, {count} of them by the reserve, which repeats; no further day is "
                "looked at.",
                "The coming {days} days are covered, {count} of them by the reserve, which repeats; no further day is "
                "looked at.",
                count=self.from_reserve,
                days=self.days,
            )
        if self.is_whole_horizon:
            return ngettext(
                "The coming {count} day is covered; no further day is looked at.",
                "The coming {count} days are covered; no further day is looked at.",
                count=self.days,
            )
        if self.from_reserve:
            return ngettext(
                "{count} day is covered, by the reserve, which repeats.",
                "{count} days are covered, {reserve} of them by the reserve, which repeats.",
                count=self.days,
                reserve=self.from_reserve,
            )
        return ngettext("{count} day is covered.", "{count} days are covered.", count=self.days)


def cover_of(coming: Iterable[ProjectedDay]) -> Cover:
    """Counts the days of a projection up to the first without a post."""
    covered = list(takewhile(lambda day: day.post_id is not None, coming))
    return Cover(len(covered), sum(1 for day in covered if day.reason == "reserve"))
