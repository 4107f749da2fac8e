"""Wrong codes of a second factor: somebody had the right password of a person of the desk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from sqlalchemy import select

from publisher.alerts.conditions import NEWS, Condition, View, with_remedy
from publisher.db.models import Event
from publisher.staff.guesses import MIN_REPORTED_CODES, RIGHT_CODE_AFTER_WRONG, WINDOW, WRONG_CODE


def wrong_codes(view: View) -> Iterator[Condition]:
    """One per person and day, unless a right code came from the same network a moment later."""
    query = select(Event).where(Event.at >= view.now - NEWS, Event.name.in_((WRONG_CODE, RIGHT_CODE_AFTER_WRONG)))
    unexplained: dict[tuple[int, str], list[Event]] = defaultdict(list)
    for event in view.session.scalars(query.order_by(Event.id)):
        person_and_network = (int(event.detail["id"]), str(event.detail["from"]))
        if event.name == WRONG_CODE:
            unexplained[person_and_network].append(event)
        else:
            unexplained[person_and_network] = [
                wrong for wrong in unexplained[person_and_network] if event.at - wrong.at > WINDOW
            ]
    by_day: dict[tuple[int, date], list[Event]] = defaultdict(list)
    for (person, _), events in unexplained.items():
        if len(events) >= MIN_REPORTED_CODES or (events and view.now - events[-1].at >= WINDOW):
            for event in events:
                by_day[person, event.at.date()].append(event)
    for (person, day), events in by_day.items():
        last = max(events, key=lambda event: event.id)
        email = str(last.detail["person"])
        number = "A wrong code" if len(events) == 1 else f"{len(events)} wrong codes"
        where = last.detail["from"] or "an unknown address"
        problem = (
            f"{number} came after the right password of {email}, the last from {where} at {view.local(last.at)}. "
            "Ask them whether it was them; if not, somebody else knows the password, and they have to change it"
        )
        yield Condition(
            subject=f"codes {person} {day.isoformat()}",
            kind="codes",
            title=f"Somebody may know the password of {email}",
            message=with_remedy(problem, view.remedies.person(email)),
        )
