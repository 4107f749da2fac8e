"""The table of notices: what is open, who tells it, what was told.

Any number of processes may work on it at once. That a condition is opened once is kept by a
unique index, that it is told once by a claim: a conditional update that puts the next try
ahead. A process that dies between sending and recording lets its claim run out, and the
message is sent again: told twice in that one case, never lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.alerts import account_alerts, changed_today, delivery_alerts, late_posts, machine_alerts, outlet_alerts
from publisher.alerts.conditions import QUIET, Condition, Ending, View
from publisher.db.operations import OPEN, Notice
from publisher.db.session import Database
from publisher.settings import Settings

MAX_AT_ONCE = 200
NO_NEWS_AFTER = timedelta(days=1)
"""What has been over for so long is told to nobody who didn't hear of it before."""

Source = Callable[[View], Iterable[Condition]]
Judge = Callable[[View, Notice], Ending | None]

SOURCES: tuple[Source, ...] = (
    delivery_alerts.delivery_troubles,
    delivery_alerts.public_troubles,
    delivery_alerts.stray_drafts,
    late_posts.not_out,
    outlet_alerts.paused_channels,
    outlet_alerts.silent_channels,
    outlet_alerts.spent_budgets,
    outlet_alerts.days_without_post,
    outlet_alerts.queue_after_restore,
    outlet_alerts.thin_queue,
    machine_alerts.failing,
    machine_alerts.broken_captions,
    machine_alerts.clocks,
    changed_today.changes_since_pick,
    account_alerts.wrong_codes,
)
JUDGES: dict[str, Judge] = {
    "delivery": delivery_alerts.end_of_trouble,
    "late": late_posts.end_of_lateness,
    "paused": outlet_alerts.end_of_pause,
    "silent": outlet_alerts.end_of_silence,
    "empty": outlet_alerts.end_of_empty_day,
    outlet_alerts.RESTORED_QUEUE: outlet_alerts.end_of_queue_after_restore,
    outlet_alerts.COVER: outlet_alerts.end_of_thin_queue,
    outlet_alerts.PREFLIGHT: outlet_alerts.end_of_preflight,
    "job": machine_alerts.end_of_failure,
    "caption": machine_alerts.end_of_broken_caption,
    machine_alerts.CLOCK: machine_alerts.end_of_difference,
}
"""By the first word of the subject; what has no judge ends without a word when it is no news any more."""


@dataclass(frozen=True, slots=True)
class Changes:
    opened: list[Condition]
    closed: list[tuple[Notice, Ending]]


def reconcile(database: Database, settings: Settings, now: datetime) -> None:
    """Open what is seen for the first time, close what is over. Writes only when there is something."""
    with database.reading() as session:
        changes = _changes(View(session, settings, now))
    if not (changes.opened or changes.closed):
        return
    with database.writing() as session:
        changes = _changes(View(session, settings, now))
        for condition in sorted(changes.opened, key=lambda each: each.subject):
            open_notice(session, condition, now)
        for notice, ending in changes.closed:
            _close(session, notice, ending, now)


def _changes(view: View) -> Changes:
    # The notices are read before the conditions: whatever somebody else opened or closed meanwhile,
    # what is judged about it is newer.
    standing = list(view.session.scalars(select(Notice).where(OPEN).order_by(Notice.id)))
    seen = {each.subject: each for source in SOURCES for each in source(view)}
    known = {notice.subject for notice in standing}
    return Changes(
        opened=[each for subject, each in seen.items() if subject not in known],
        closed=[*_ended(view, (each for each in standing if each.subject not in seen))],
    )


def _ended(view: View, notices: Iterable[Notice]) -> Iterator[tuple[Notice, Ending]]:
    for notice in notices:
        # Another machine's clock may be a little ahead: what it opened is not over before it began.
        if notice.opened_at > view.now:
            continue
        judge = JUDGES.get(notice.subject.split()[0])
        ending = judge(view, notice) if judge else QUIET
        if ending is not None:
            yield notice, ending


def open_notice(session: Session, condition: Condition, now: datetime, *, next_try_at: datetime | None = None) -> bool:
    """False when somebody else was quicker."""
    notice = Notice(
        subject=condition.subject,
        kind=condition.kind,
        title=condition.title,
        message=condition.message,
        opened_at=now,
        next_try_at=next_try_at or now,
    )
    try:
        with session.begin_nested():
            session.add(notice)
    except IntegrityError:
        return False
    return True


def take(session: Session, notice: Notice, until: datetime) -> bool:
    """Put the next try of a notice ahead; False when somebody else did so first."""
    return _update(session, notice, {"next_try_at": until}, next_try_at=notice.next_try_at)


def _close(session: Session, notice: Notice, ending: Ending, now: datetime) -> None:
    """From here on it is the end that is told, to every address, whether or not it heard of the beginning."""
    told: dict[str, Any] = {"message": ending.told} if ending.told else {"recovery_told_at": now, "trouble": ""}
    session.execute(
        update(Notice)
        .where(Notice.id == notice.id, Notice.closed_at.is_(None))
        .values(closed_at=now, reached=[], tries=0, next_try_at=now, **told)
        .execution_options(synchronize_session=False)
    )


def _untold(now: datetime) -> ColumnElement[bool]:
    over = and_(
        Notice.closed_at.is_not(None), Notice.closed_at > now - NO_NEWS_AFTER, Notice.recovery_told_at.is_(None)
    )
    return or_(and_(Notice.told_at.is_(None), Notice.closed_at.is_(None)), over)


def telling_troubles(session: Session, now: datetime) -> list[str]:
    """Why what should have been told is not, each reason once."""
    query = select(Notice.trouble).where(_untold(now), Notice.trouble != "").distinct().order_by(Notice.trouble)
    return list(session.scalars(query))


def claim(database: Database, now: datetime, hold: timedelta) -> list[Notice]:
    """What is to be told now, and by this caller alone for as long as it holds the claim."""
    due = and_(_untold(now), Notice.next_try_at <= now, Notice.message != "")
    with database.reading() as session:
        found = list(session.scalars(select(Notice).where(due).order_by(Notice.id).limit(MAX_AT_ONCE)))
    if not found:
        return []
    claimed = []
    with database.writing() as session:
        for notice in found:
            values = {"next_try_at": now + hold, "tries": notice.tries + 1}
            if _update(session, notice, values, next_try_at=notice.next_try_at):
                notice.tries += 1
                claimed.append(notice)
    return claimed


def record(
    database: Database, notice: Notice, *, reached: Iterable[str], trouble: str, next_try_at: datetime, now: datetime
) -> None:
    """What came of telling it; `trouble` empty: everybody has it. Without effect when it was closed meanwhile."""
    values: dict[str, Any] = {"reached": sorted(reached), "trouble": trouble, "next_try_at": next_try_at}
    if not trouble:
        values["recovery_told_at" if notice.closed_at else "told_at"] = now
    with database.writing() as session:
        _update(session, notice, values, tries=notice.tries)


def _update(session: Session, notice: Notice, values: dict[str, Any], **unchanged: Any) -> bool:
    same = [getattr(Notice, column) == value for column, value in unchanged.items()]
    still = Notice.closed_at.is_(None) if notice.closed_at is None else Notice.closed_at == notice.closed_at
    done = session.execute(
        update(Notice)
        .where(Notice.id == notice.id, still, *same)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", done).rowcount == 1
