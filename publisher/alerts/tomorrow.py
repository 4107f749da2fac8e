"""Examines tomorrow's post once in the evening, in the first process that comes, and opens an alert with the result."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from publisher.alerts import store
from publisher.alerts.conditions import Condition
from publisher.alerts.preflight import Preflight, preflight
from publisher.alerts.preflight_lines import PreflightLine
from publisher.alerts.problem_codes import AlertHeadline, AlertProblem
from publisher.core.logs import get_logger
from publisher.core.messages import Message, _
from publisher.db.operations import IS_OPEN_ALERT, Alert, AlertKind
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
        log.error("tomorrow is not safe", channel=line.channel, what=line.what, why=line.message)
    with desk.database.writing() as session:
        _save(session, _condition_of(desk, result), desk.now())


def _claim(desk: Desk, day: date, now: datetime) -> bool:
    """Claims the examination of a day by an alert without a result; False: another process has it."""
    of_day = select(Alert).where(Alert.kind == AlertKind.PREFLIGHT, Alert.day == day)
    with desk.database.reading() as session:
        existing = session.scalar(of_day)
        if existing is not None and (existing.problem is not None or existing.next_try_at > now):
            return False
    with desk.database.writing() as session:
        if existing is None:
            claim = Alert(kind=AlertKind.PREFLIGHT, day=day, opened_at=now, next_try_at=now + CLAIM_TIME)
            return store.add_alert(session, claim)
        return store.claim_examination(session, existing, now + CLAIM_TIME)


def _condition_of(desk: Desk, result: Preflight) -> Condition:
    if result.good:
        headline = AlertHeadline.TOMORROW_SAFE(day=result.day)
        problem = AlertProblem.GOES_OUT(title=result.title, channels=_channel_hours(desk, result.day))
    else:
        headline = AlertHeadline.TOMORROW_NOT_SAFE(day=result.day, count=len(result.red))
        problem = AlertProblem.LINES_TO_MEND(day=result.day, lines=[_describe_line(line) for line in result.red])
    return Condition(AlertKind.PREFLIGHT, headline, problem, day=result.day)


def _channel_hours(desk: Desk, day: date) -> list[Message]:
    outlet = desk.settings.outlet
    return [
        _("{channel} {at:clock}", channel=name, at=slot_instant(day, desk.settings.channel_hour(channel), outlet.zone))
        for name, channel in desk.settings.channels.items()
    ]


def _describe_line(line: PreflightLine) -> Message:
    if line.channel:
        return _("✗ {channel} {what}: {result}", channel=line.channel, what=line.what.label, result=line.result)
    return _("✗ {what}: {result}", what=line.what.label, result=line.result)


def _save(session: Session, condition: Condition, now: datetime) -> None:
    session.execute(
        update(Alert)
        .where(IS_OPEN_ALERT, Alert.kind == condition.kind, Alert.day == condition.day, Alert.problem.is_(None))
        .values(headline=condition.headline, problem=condition.problem, next_try_at=now, tries=0)
    )
