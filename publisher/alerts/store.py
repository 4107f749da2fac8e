"""Opens, claims, records and closes alerts in the table `alert`.

Any number of processes may call these functions. A unique index makes sure that a condition has
one open alert. A claim makes sure that one process sends it: a conditional update that puts the
next try later. Where a process dies between sending and recording, its claim ends, and the
message is sent a second time. It is never lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Text, and_, or_, select, type_coerce, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.alerts import account_alerts, changed_today, delivery_alerts, late_posts, machine_alerts, outlet_alerts
from publisher.alerts.conditions import SILENT_ENDING, Condition, Ending, Snapshot, identity_of
from publisher.core.problems import Problem
from publisher.db.operations import IS_OPEN_ALERT, Alert, AlertKind
from publisher.db.session import Database
from publisher.settings import Settings

MAX_AT_ONCE = 200
MAX_ENDING_AGE = timedelta(days=1)
"""The end of an alert that was over for longer is not sent any more."""

Source = Callable[[Snapshot], Iterable[Condition]]
EndCheck = Callable[[Snapshot, Alert], Ending | None]

CONDITION_SOURCES: tuple[Source, ...] = (
    delivery_alerts.deliveries_by_hand,
    delivery_alerts.wrongly_shown_posts,
    delivery_alerts.failed_corrections,
    delivery_alerts.stray_drafts,
    late_posts.late_post_alerts,
    outlet_alerts.paused_channels,
    outlet_alerts.silent_channels,
    outlet_alerts.spent_budgets,
    outlet_alerts.days_without_post,
    outlet_alerts.queue_after_restore,
    outlet_alerts.thin_queue,
    machine_alerts.failing_job_alerts,
    machine_alerts.broken_captions,
    machine_alerts.wrong_clocks,
    changed_today.changes_since_pick,
    account_alerts.wrong_codes,
)
END_CHECKS: Mapping[str, EndCheck] = {
    AlertKind.HELD: delivery_alerts.end_of_delivery_alert,
    AlertKind.FAILED: delivery_alerts.end_of_delivery_alert,
    AlertKind.MISSED: delivery_alerts.end_of_delivery_alert,
    AlertKind.CORRECTION: delivery_alerts.end_of_failed_correction,
    AlertKind.LATE: late_posts.end_of_lateness,
    AlertKind.PAUSED: outlet_alerts.end_of_pause,
    AlertKind.SILENT: outlet_alerts.end_of_silence,
    AlertKind.EMPTY: outlet_alerts.end_of_empty_day,
    AlertKind.RESTORED_QUEUE: outlet_alerts.end_of_queue_after_restore,
    AlertKind.COVER: outlet_alerts.end_of_thin_queue,
    AlertKind.PREFLIGHT: outlet_alerts.end_of_preflight,
    AlertKind.JOB: machine_alerts.end_of_failing_job,
    AlertKind.CAPTION: machine_alerts.end_of_broken_caption,
    AlertKind.CLOCK: machine_alerts.end_of_difference,
}
"""Without an entry, an alert ends silently when its condition is gone."""


@dataclass(frozen=True, slots=True)
class Changes:
    opened: list[Condition]
    closed: list[tuple[Alert, Ending]]


def reconcile(database: Database, settings: Settings, now: datetime) -> None:
    """Opens alerts for new conditions, and closes those that are over. Writes only when something changed."""
    with database.reading() as session:
        changes = _changes(Snapshot(session, settings, now))
    if not (changes.opened or changes.closed):
        return
    with database.writing() as session:
        changes = _changes(Snapshot(session, settings, now))
        for condition in sorted(changes.opened, key=lambda new: new.identity.order):
            open_alert(session, condition, now)
        for alert, ending in changes.closed:
            _close(session, alert, ending, now)


def _changes(snapshot: Snapshot) -> Changes:
    # The alerts are read first: if another process opens or closes one meanwhile, the conditions
    # that are compared with it are newer.
    open_alerts = list(snapshot.session.scalars(select(Alert).where(IS_OPEN_ALERT).order_by(Alert.id)))
    conditions = {condition.identity: condition for source in CONDITION_SOURCES for condition in source(snapshot)}
    known = {identity_of(alert) for alert in open_alerts}
    return Changes(
        opened=[condition for identity, condition in conditions.items() if identity not in known],
        closed=[*_find_ended(snapshot, (alert for alert in open_alerts if identity_of(alert) not in conditions))],
    )


def _find_ended(snapshot: Snapshot, alerts: Iterable[Alert]) -> Iterator[tuple[Alert, Ending]]:
    for alert in alerts:
        # Another machine's clock may be a little ahead, and an alert can't end before it began.
        if alert.opened_at > snapshot.now:
            continue
        find_ending = END_CHECKS.get(alert.kind)
        ending = find_ending(snapshot, alert) if find_ending else SILENT_ENDING
        if ending is not None:
            yield alert, ending


def open_alert(session: Session, condition: Condition, now: datetime, *, next_try_at: datetime | None = None) -> bool:
    """Opens an alert, and returns whether it did; False: another process opened it first."""
    alert = Alert(
        kind=condition.kind,
        channel=condition.channel,
        delivery_id=condition.delivery_id,
        day=condition.day,
        occurrence=condition.occurrence,
        headline=condition.headline,
        problem=condition.problem,
        opened_at=now,
        next_try_at=next_try_at or now,
    )
    return add_alert(session, alert)


def add_alert(session: Session, alert: Alert) -> bool:
    """Adds an open alert, and returns whether it did; False: there is one with the same identity."""
    try:
        with session.begin_nested():
            session.add(alert)
    except IntegrityError:
        return False
    return True


def claim_examination(session: Session, alert: Alert, until: datetime) -> bool:
    """Puts the next try of an examination later; False: another process did so first."""
    return _update(session, alert, {"next_try_at": until}, next_try_at=alert.next_try_at)


def _close(session: Session, alert: Alert, ending: Ending, now: datetime) -> None:
    """Closes an alert. Its end is sent to every address, even to one that did not get its beginning."""
    values: dict[str, Any] = {"ending": ending.problem}
    if ending.problem is None:
        values |= {"end_sent_at": now, "send_error": None}
    session.execute(
        update(Alert)
        .where(Alert.id == alert.id, Alert.closed_at.is_(None))
        .values(closed_at=now, reached=[], tries=0, next_try_at=now, **values)
        .execution_options(synchronize_session=False)
    )


def _is_unsent(now: datetime) -> ColumnElement[bool]:
    has_unsent_end = and_(
        Alert.closed_at.is_not(None), Alert.closed_at > now - MAX_ENDING_AGE, Alert.end_sent_at.is_(None)
    )
    return or_(and_(Alert.sent_at.is_(None), Alert.closed_at.is_(None), Alert.problem.is_not(None)), has_unsent_end)


def sending_failures(session: Session, now: datetime) -> list[Problem]:
    """Lists why alerts could not be sent, each reason once."""
    has_failed = type_coerce(Alert.send_error, Text) != ""
    query = select(Alert.send_error).where(_is_unsent(now), has_failed)
    return [problem for problem in session.scalars(query.distinct().order_by(Alert.send_error)) if problem]


def claim(database: Database, now: datetime, claim_time: timedelta) -> list[Alert]:
    """Claims the alerts that are due, so that no other process sends them for `claim_time`."""
    due = and_(_is_unsent(now), Alert.next_try_at <= now)
    with database.reading() as session:
        due_alerts = list(session.scalars(select(Alert).where(due).order_by(Alert.id).limit(MAX_AT_ONCE)))
    if not due_alerts:
        return []
    claimed = []
    with database.writing() as session:
        for alert in due_alerts:
            values = {"next_try_at": now + claim_time, "tries": alert.tries + 1}
            if _update(session, alert, values, next_try_at=alert.next_try_at):
                alert.tries += 1
                claimed.append(alert)
    return claimed


def record(
    database: Database,
    alert: Alert,
    *,
    reached: Iterable[str],
    send_error: Problem | None,
    next_try_at: datetime,
    now: datetime,
) -> None:
    """Records the result of a try; `send_error` None: all have it. Does nothing if it was closed meanwhile."""
    values: dict[str, Any] = {"reached": sorted(reached), "send_error": send_error, "next_try_at": next_try_at}
    if send_error is None:
        values["end_sent_at" if alert.closed_at else "sent_at"] = now
    with database.writing() as session:
        _update(session, alert, values, tries=alert.tries)


def _update(session: Session, alert: Alert, values: dict[str, Any], **unchanged: Any) -> bool:
    is_unchanged = [getattr(Alert, column) == value for column, value in unchanged.items()]
    is_in_phase = Alert.closed_at.is_(None) if alert.closed_at is None else Alert.closed_at == alert.closed_at
    result = session.execute(
        update(Alert)
        .where(Alert.id == alert.id, is_in_phase, *is_unchanged)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", result).rowcount == 1
