"""Checks for a preflight what every post stands on: the processes, the hours, the alerts and the backups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.alerts.addresses import URLS_VARIABLE, read_addresses
from publisher.alerts.preflight_lines import PreflightCheck, PreflightLine
from publisher.alerts.problem_codes import PreflightProblem
from publisher.backup.daily_copies import newest_backup_time
from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.db.models import Event
from publisher.desk import Desk
from publisher.health import SCHEDULER, WORKER, last_heartbeats
from publisher.schedule.slots import slot_instant
from publisher.schedule.spacing import earliest_after_change
from publisher.settings import SettingsError

MAX_BACKUP_AGE = timedelta(hours=48)


def check_standing(desk: Desk, day: date) -> Iterator[PreflightLine]:
    """Yields the lines about what does not depend on the post of `day`."""
    with desk.database.reading() as session:
        yield PreflightLine("", PreflightCheck.PROCESSES, _check_processes(desk, session))
        yield from _changed_hours(desk, session, day)
        backup = _check_backup(desk, session)
    yield from _alerts()
    yield PreflightLine("", PreflightCheck.BACKUP, backup, warning=isinstance(backup, Problem))


def _check_processes(desk: Desk, session: Session) -> Message | Problem:
    now = desk.now()
    heartbeats = last_heartbeats(session, now)
    silent = [role for role in (SCHEDULER, WORKER) if role not in heartbeats or not heartbeats[role].lives(now)]
    if not silent:
        return _("scheduler and worker run")
    return PreflightProblem.NOTHING_RUNS() if len(silent) > 1 else PreflightProblem.ROLE_DOES_NOT_RUN(role=silent[0])


def _changed_hours(desk: Desk, session: Session, day: date) -> Iterator[PreflightLine]:
    """Yields a line for each channel that gets the post later than at its hour, since that was changed."""
    settings = desk.settings
    for name, channel in settings.channels.items():
        due_at = slot_instant(day, settings.channel_hour(channel), settings.outlet.zone)
        earliest = earliest_after_change(session, settings, name, day)
        if earliest is not None and earliest > due_at:
            problem = PreflightProblem.HOUR_WAS_CHANGED(channel=name, due_at=due_at, at=earliest)
            yield PreflightLine(name, PreflightCheck.HOUR, problem, warning=True)


def _alerts() -> Iterator[PreflightLine]:
    try:
        names = [address.name for address in read_addresses()]
    except SettingsError as error:
        yield PreflightLine("", PreflightCheck.ALERTS, PreflightProblem.ALERTS_UNUSABLE(reason=error.text))
        return
    if names:
        yield PreflightLine("", PreflightCheck.ALERTS, _("go to {addresses:list}", addresses=names))
    else:
        yield PreflightLine(
            "", PreflightCheck.ALERTS, PreflightProblem.NOBODY_TOLD(variable=URLS_VARIABLE), warning=True
        )


def _check_backup(desk: Desk, session: Session) -> Message | Problem:
    """Describes the newest backup. A desk that began lately needs none yet."""
    too_old = desk.now() - MAX_BACKUP_AGE
    newest = newest_backup_time(desk.settings.path(desk.settings.storage.backups))
    if newest is not None and newest >= too_old:
        return _("the newest is of {made:moment}", made=newest)
    first = session.scalar(select(func.min(Event.at)))
    if first is None or first >= too_old:
        return _("there is none yet")
    return PreflightProblem.NO_BACKUP() if newest is None else PreflightProblem.BACKUP_OLD(made=newest)
