"""Writes the calendar as iCalendar: what was published, and what would come next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from icalendar import Calendar, Event
from sqlalchemy.orm import Session

from publisher.core.characters import remove_control_characters
from publisher.core.messages import Message, _
from publisher.schedule.calendar_days import CalendarDay, DayEntry, calendar_days
from publisher.schedule.slots import slot_day
from publisher.settings import Settings

PAST_DAYS = 120
COMING_DAYS = 90
EVENT_DURATION = timedelta(minutes=15)
"""A post takes no time, but calendar programs draw an event with a length."""
REFRESH_INTERVAL = timedelta(hours=1)


def calendar_feed(session: Session, settings: Settings, now: datetime, page_of: Callable[[int], str]) -> bytes:
    """Writes the days around now as iCalendar. `page_of`: returns the address of a post's page at the desk.

    A day has one event, whose UID stays the same from the projection to the published post.
    """
    today = slot_day(now, settings.outlet.zone)
    calendar = Calendar()
    calendar.add("prodid", "-//publisher//calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("name", settings.outlet.name)
    calendar.add("x-wr-calname", settings.outlet.name)
    window = _(
        "The last {past} days and the coming {coming}; the desk's calendar has all.", past=PAST_DAYS, coming=COMING_DAYS
    )
    for name in ("description", "x-wr-caldesc"):
        calendar.add(name, str(window))
    calendar.add("refresh-interval", REFRESH_INTERVAL, parameters={"VALUE": "DURATION"})
    first, last = today - timedelta(days=PAST_DAYS), today + timedelta(days=COMING_DAYS)
    for day in calendar_days(session, settings, first, last, now):
        for entry in day.entries[:1]:
            if entry.post_id is not None and entry.kind in ("shown", "coming"):
                calendar.add_component(_event(settings, day, entry, now, page_of(entry.post_id)))
    feed: bytes = calendar.to_ical()
    return feed


def _event(settings: Settings, day: CalendarDay, entry: DayEntry, now: datetime, page: str) -> Event:
    outlet = hashlib.sha256(settings.outlet.name.encode()).hexdigest()[:12]
    links = [delivery.link for delivery in entry.deliveries if delivery.link]
    event = Event()
    event.add("uid", f"{day.day:%Y-%m-%d}.{outlet}@publisher")
    event.add("dtstamp", now)
    event.add("dtstart", day.opens)
    event.add("dtend", day.opens + EVENT_DURATION)
    event.add("summary", remove_control_characters(entry.title))
    event.add("status", "CONFIRMED" if entry.kind == "shown" else "TENTATIVE")
    event.add("transp", "TRANSPARENT")
    event.add("url", links[0] if links else page)
    event.add("description", "\n".join([*_describe(entry), *links, page]))
    return event


def _describe(entry: DayEntry) -> list[str]:
    if entry.kind == "coming":
        return [str(_why_that_day(entry))]
    return [f"{delivery.channel}: {delivery.state}" for delivery in entry.deliveries]


def _why_that_day(entry: DayEntry) -> Message:
    match entry.reason:
        case "fixed date":
            return _("Fixed to this date.")
        case "reserve":
            return _("Would go out from the reserve.")
    return _("Would go out from the queue.")
