"""The evening before: tomorrow's post is examined once, by whichever process comes first, and staff are told."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from publisher.alerts import store
from publisher.alerts.conditions import Condition, Remedies
from publisher.alerts.outlet_alerts import PREFLIGHT, SAFE, UNSAFE
from publisher.alerts.preflight import Line, Preflight, preflight
from publisher.core.logs import get_logger
from publisher.db.operations import OPEN, Notice
from publisher.desk import Desk
from publisher.schedule.slots import slot_day, slot_instant

WORK = timedelta(minutes=20)
"""An examination that has not ended after so long has died with its process; another one makes it again."""


def examine_tomorrow(desk: Desk, now: datetime) -> None:
    """Examine tomorrow when it is time and nobody has; what is found becomes a notice, told by the next round."""
    hour, zone = desk.settings.notify.preflight, desk.settings.outlet.zone
    today = slot_day(now, zone)
    if hour is None or now < slot_instant(today, hour, zone):
        return
    tomorrow = today + timedelta(days=1)
    if not _claim(desk, tomorrow, now):
        return
    found = preflight(desk, tomorrow)
    log = get_logger("notices").bind(day=tomorrow.isoformat())
    for line in found.red:
        log.error("tomorrow is not safe", channel=line.channel, what=line.what, why=line.told)
    with desk.database.writing() as session:
        _write(session, _subject(tomorrow), _told(desk, found), desk.now())


def _subject(day: date) -> str:
    return f"{PREFLIGHT} {day.isoformat()}"


def _claim(desk: Desk, day: date, now: datetime) -> bool:
    """A notice without a word says that somebody is at work."""
    subject = _subject(day)
    with desk.database.reading() as session:
        known = session.scalar(select(Notice).where(Notice.subject == subject))
        if known is not None and (known.message or known.next_try_at > now):
            return False
    with desk.database.writing() as session:
        if known is None:
            return store.open_notice(session, Condition(subject, SAFE, "", ""), now, next_try_at=now + WORK)
        return store.take(session, known, now + WORK)


def _told(desk: Desk, found: Preflight) -> Condition:
    subject = _subject(found.day)
    if found.good:
        message = f"“{found.title}” goes out on {', '.join(_hours(desk, found.day))}."
        return Condition(subject, SAFE, f"{found.day:%A %Y-%m-%d} is safe", message)
    things = "one thing" if len(found.red) == 1 else f"{len(found.red)} things"
    remedy = Remedies.of(desk.settings).preflight(found.day)
    message = "\n".join([*(_line(line) for line in found.red), f"→ {remedy}"])
    return Condition(subject, UNSAFE, f"{found.day:%A %Y-%m-%d} is not safe: {things} to mend", message)


def _hours(desk: Desk, day: date) -> list[str]:
    outlet = desk.settings.outlet
    return [
        f"{name} {desk.local(slot_instant(day, desk.settings.channel_hour(channel), outlet.zone), '%H:%M')}"
        for name, channel in desk.settings.channels.items()
    ]


def _line(line: Line) -> str:
    return f"✗ {f'{line.channel} ' if line.channel else ''}{line.what}: {line.told}"


def _write(session: Session, subject: str, told: Condition, now: datetime) -> None:
    session.execute(
        update(Notice)
        .where(OPEN, Notice.subject == subject, Notice.message == "")
        .values(kind=told.kind, title=told.title, message=told.message, next_try_at=now, tries=0)
    )
