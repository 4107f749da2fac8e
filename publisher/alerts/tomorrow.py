"""Examines tomorrow's post once in the evening, in the first process that comes, and opens an alert with the result."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from publisher.alerts import store
from publisher.alerts.conditions import Condition, Remedies
from publisher.alerts.outlet_alerts import PREFLIGHT, SAFE, UNSAFE
from publisher.alerts.preflight import Line, Preflight, preflight
from publisher.core.logs import get_logger
from publisher.db.operations import IS_OPEN_NOTICE, Alert
from publisher.desk import Desk
from publisher.schedule.slots import slot_day, slot_instant

CLAIM_TIME = timedelta(minutes=20)
"""If an examination takes longer, its process has died, and another process examines again."""


def examine_tomorrow(desk: Desk, now: datetime) -> None:
    """Examines tomorrow's post if it is time and no process has done it, and saves the result as an alert."""
    hour, zone = desk.settings.notify.preflight, desk.settings.outlet.zone
    today = slot_day(now, zone)
    if hour is None or now < slot_instant(today, hour, zone):
        return
    tomorrow = today + timedelta(days=1)
    if not _claim(desk, tomorrow, now):
        return
    result = preflight(desk, tomorrow)
    log = get_logger("alerts").bind(day=tomorrow.isoformat())
    for line in result.red:
        log.error("tomorrow is not safe", channel=line.channel, what=line.what, why=line.told)
    with desk.database.writing() as session:
        _save(session, _subject(tomorrow), _condition_of(desk, result), desk.now())


def _subject(day: date) -> str:
    return f"{PREFLIGHT} {day.isoformat()}"


def _claim(desk: Desk, day: date, now: datetime) -> bool:
    """Claims the examination of a day by an alert without a message; False: another process has it."""
    subject = _subject(day)
    with desk.database.reading() as session:
        existing = session.scalar(select(Alert).where(Alert.subject == subject))
        if existing is not None and (existing.message or existing.next_try_at > now):
            return False
    with desk.database.writing() as session:
        if existing is None:
            return store.open_alert(session, Condition(subject, SAFE, "", ""), now, next_try_at=now + CLAIM_TIME)
        return store.claim_examination(session, existing, now + CLAIM_TIME)


def _condition_of(desk: Desk, result: Preflight) -> Condition:
    subject = _subject(result.day)
    if result.good:
        message = f"“{result.title}” goes out on {', '.join(_channel_hours(desk, result.day))}."
        return Condition(subject, SAFE, f"{result.day:%A %Y-%m-%d} is safe", message)
    things = "one thing" if len(result.red) == 1 else f"{len(result.red)} things"
    remedy = Remedies.of(desk.settings).preflight(result.day)
    message = "\n".join([*(_render_line(line) for line in result.red), f"→ {remedy}"])
    return Condition(subject, UNSAFE, f"{result.day:%A %Y-%m-%d} is not safe: {things} to mend", message)


def _channel_hours(desk: Desk, day: date) -> list[str]:
    outlet = desk.settings.outlet
    return [
        f"{name} {desk.local(slot_instant(day, desk.settings.channel_hour(channel), outlet.zone), '%H:%M')}"
        for name, channel in desk.settings.channels.items()
    ]


def _render_line(line: Line) -> str:
    return f"✗ {f'{line.channel} ' if line.channel else ''}{line.what}: {line.told}"


def _save(session: Session, subject: str, condition: Condition, now: datetime) -> None:
    session.execute(
        update(Alert)
        .where(IS_OPEN_NOTICE, Alert.subject == subject, Alert.message == "")
        .values(kind=condition.kind, title=condition.title, message=condition.message, next_try_at=now, tries=0)
    )
