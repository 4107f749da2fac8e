"""Counts how the deliveries ended that a fault or a day's condition affected, and how long unknown outcomes lasted."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from publisher.core.states import State
from publisher.db.models import Attempt, Delivery, Event, Pick
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.proving.report import Spread

CAPTION = re.compile(r"(?P<title>Cell \d+), as (?P<channel>[\w-]+) shows it")
"""Finds title and channel in a caption, as the templates of the proof's outlet write it."""
UNKNOWN_END_EVENTS = frozenset(f"delivery {state}" for state in State if state != State.UNCONFIRMED)


class Ending(StrEnum):
    """Names the ways in which a delivery ends."""

    AT_ONCE = "published at once"
    ANOTHER_TRY = "published after another try"
    LOOK_UP = "published after a look-up"
    ASKED = "published after a person was asked"
    NOT_PUBLIC = "not public, and told"


@dataclass(slots=True)
class Outcomes:
    """Holds how deliveries ended, by fault and by condition."""

    by_fault: dict[str, Counter[str]] = field(default_factory=dict)
    """By the name of the fault: how the deliveries ended whose requests it struck."""
    by_condition: dict[str, Counter[str]] = field(default_factory=dict)
    """By the day's condition: how all deliveries of such days ended."""
    by_copy: dict[str, Counter[str]] = field(default_factory=dict)
    """By what was done with a copy of the database: how all deliveries that the database knows of such days ended."""
    unknown_seconds: dict[str, Spread] = field(default_factory=dict)
    """By platform: seconds by the outlet's clock from an unknown outcome until it was known, or a person was asked."""


def collect_outcomes(
    database: Database,
    struck: Iterable[Mapping[str, str]],
    days: Mapping[date, str],
    copies: Mapping[date, str] | None = None,
) -> Outcomes:
    """Collects how deliveries ended. `struck`: the requests that faults have struck, as the sandbox lists them.

    `days`: the condition of each day. `copies`: what was done with a copy of the database, on each day that had one.
    """
    with database.reading() as session:
        query = select(Delivery).options(joinedload(Delivery.pick).joinedload(Pick.post))
        deliveries = list(session.scalars(query))
        platforms = {row.name: row.platform for row in session.scalars(select(Channel))}
        sends = Counter(session.scalars(select(Attempt.delivery_id).where(Attempt.kind == "send")))
        events = list(session.scalars(select(Event).where(Event.delivery_id.is_not(None)).order_by(Event.id)))
    event_names: defaultdict[int, set[str]] = defaultdict(set)
    for event in events:
        if event.delivery_id is not None:
            event_names[event.delivery_id].add(event.name)
    endings = {row.id: _ending_of(row, event_names[row.id], sends[row.id]) for row in deliveries}
    result = Outcomes()
    for fault, numbers in _struck_deliveries(struck, deliveries).items():
        result.by_fault[fault] = Counter(endings[number].value for number in numbers)
    for row in deliveries:
        if condition := days.get(row.pick.slot):
            result.by_condition.setdefault(condition, Counter())[endings[row.id].value] += 1
        if copy := (copies or {}).get(row.pick.slot):
            result.by_copy.setdefault(copy, Counter())[endings[row.id].value] += 1
    platform_of = {row.id: platforms[row.channel_name] for row in deliveries}
    result.unknown_seconds = {
        name: Spread.of(seconds) for name, seconds in sorted(_unknown_seconds(events, platform_of).items())
    }
    return result


def _ending_of(delivery: Delivery, events: set[str], sends: int) -> Ending:
    if delivery.state != State.PUBLISHED:
        return Ending.NOT_PUBLIC
    if "delivery held" in events:
        return Ending.ASKED
    if "delivery unconfirmed" in events:
        return Ending.LOOK_UP
    return Ending.AT_ONCE if sends <= 1 else Ending.ANOTHER_TRY


def _struck_deliveries(struck: Iterable[Mapping[str, str]], deliveries: Sequence[Delivery]) -> dict[str, set[int]]:
    """Returns the deliveries whose requests each fault struck. An upload has no text, and counts for none."""
    shown = {(row.pick.post.title, row.channel_name): row.id for row in deliveries if row.pick.post is not None}
    by_fault: defaultdict[str, set[int]] = defaultdict(set)
    for request in struck:
        if request["fault"].startswith("correct/"):
            continue  # It struck the correction of a post that was public.
        for title, channel in CAPTION.findall(request["text"]):
            if (title, channel) in shown:
                by_fault[request["fault"]].add(shown[title, channel])
    return dict(by_fault)


def _unknown_seconds(events: Iterable[Event], platform_of: Mapping[int, str]) -> dict[str, list[float]]:
    began: dict[int, datetime] = {}
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for event in events:
        number = event.delivery_id
        if number is None or number not in platform_of:
            continue
        if event.name == f"delivery {State.UNCONFIRMED}":
            began.setdefault(number, event.at)
        elif event.name in UNKNOWN_END_EVENTS and number in began:
            seconds[platform_of[number]].append((event.at - began.pop(number)).total_seconds())
    return dict(seconds)
