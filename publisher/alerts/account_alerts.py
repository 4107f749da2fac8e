"""Finds wrong second-factor codes, which somebody typed after the right password of a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from sqlalchemy import select

from publisher.alerts.conditions import MAX_EVENT_AGE, Condition, Snapshot
from publisher.alerts.problem_codes import AlertHeadline, AlertProblem
from publisher.core.messages import _
from publisher.db.models import Event
from publisher.db.operations import AlertKind
from publisher.staff.guesses import MIN_REPORTED_CODES, RIGHT_CODE_AFTER_WRONG, WINDOW, WRONG_CODE


def wrong_codes(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields one condition per person and day, unless a right code followed shortly from the same network."""
    query = select(Event).where(
        Event.at >= snapshot.now - MAX_EVENT_AGE, Event.name.in_((WRONG_CODE, RIGHT_CODE_AFTER_WRONG))
    )
    unexplained: dict[tuple[int, str], list[Event]] = defaultdict(list)
    for event in snapshot.session.scalars(query.order_by(Event.id)):
        person_and_network = (int(event.detail["id"]), str(event.detail["from"]))
        if event.name == WRONG_CODE:
            unexplained[person_and_network].append(event)
        else:
            unexplained[person_and_network] = [
                wrong_code for wrong_code in unexplained[person_and_network] if event.at - wrong_code.at > WINDOW
            ]
    by_day: dict[tuple[int, date], list[Event]] = defaultdict(list)
    for (person, _network), events in unexplained.items():
        if len(events) >= MIN_REPORTED_CODES or (events and snapshot.now - events[-1].at >= WINDOW):
            for event in events:
                by_day[person, event.at.date()].append(event)
    for (person, day), events in by_day.items():
        last = max(events, key=lambda event: event.id)
        email = str(last.detail["person"])
        yield Condition(
            AlertKind.CODES,
            AlertHeadline.PASSWORD_KNOWN(person=email),
            AlertProblem.WRONG_CODES(
                count=len(events),
                person=email,
                address=str(last.detail["from"]) or _("an unknown address"),
                at=last.at,
            ),
            day=day,
            occurrence=str(person),
        )
