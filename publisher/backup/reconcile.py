"""Reconciles a database from a backup with what may have happened since, before a desk works with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from publisher.backup.files import BackupError
from publisher.core.content import AdaptedPost
from publisher.core.messages import _
from publisher.db.history import NEWEST
from publisher.db.history_file import KnownEvent
from publisher.db.models import Attempt, Delivery, Event
from publisher.db.operations import Channel, Process
from publisher.lifecycle import record_event
from publisher.lifecycle_restore import restore_deliveries
from publisher.platforms.base import KeySeed
from publisher.platforms.registry import UnknownPlatform, adapter_class
from publisher.posts.possibly_shown import DATABASE_RESTORED
from publisher.schedule.restore_gap import Gap, close_gap
from publisher.settings import Settings


@dataclass(frozen=True, slots=True)
class Reconciliation:
    looked_up: int
    """How many deliveries may have gone out since the backup, and are looked up first."""
    gap: Gap
    """The days since the backup of which nothing is known."""
    since: datetime
    newest: KnownEvent
    """The newest event of the database, now that it was made safe."""


def reconcile(
    session: Session, settings: Settings, *, since: datetime | None, now: datetime, changed: Collection[int] = ()
) -> Reconciliation:
    """Assumes that the lost desk went on publishing from `since` until now, and marks what it may have sent.

    `since`: None where only the database itself shows until when it knows everything.
    `changed`: deliveries that the lost desk is known to have sent, canceled or recorded by hand last.

    Raises:
        BackupError: no adapter knows the platform of a channel, or the database is from the future.
    """
    began = since or last_written_at(session) or now
    refuse_future(began, now)
    # The processes of the lost desk are none of this one's.
    session.execute(delete(Process))
    record_event(session, DATABASE_RESTORED, now=now, detail={"knows everything until": began.isoformat()})
    looked_up = restore_deliveries(
        session, now, lambda delivery: _idempotency_key(session, delivery), since=began, changed=changed
    )
    gap = close_gap(session, settings, since=began, now=now)
    session.flush()
    newest = session.execute(NEWEST).one()
    return Reconciliation(len(looked_up), gap, began, KnownEvent(newest[0], newest[1]))


def last_written_at(session: Session) -> datetime | None:
    """Returns the latest instant at which a desk wrote to a database; None when it never did."""
    columns = (Event.at, Attempt.started_at, Attempt.ended_at, Process.seen_at)
    instants = (session.scalar(select(func.max(column))) for column in columns)
    return max((instant for instant in instants if instant is not None), default=None)


def refuse_future(made: datetime, now: datetime) -> None:
    """Raises BackupError when a backup is younger than this machine's clock allows."""
    if made > now:
        raise BackupError(
            _(
                "the backup was made at {made:moment}, and this machine's clock shows {now:moment}; "
                "set the clock right, or what went out would look as if it were still to come",
                made=made,
                now=now,
            )
        )


def _idempotency_key(session: Session, delivery: Delivery) -> str:
    """Returns the idempotency key that the lost desk used, if it sent this delivery."""
    platform = session.get_one(Channel, delivery.channel_name).platform
    try:
        adapter = adapter_class(platform)
    except UnknownPlatform as error:
        raise BackupError(
            _(
                "the channel “{channel}” can't be restored: {error}; install a version that knows it",
                channel=delivery.channel_name,
                error=error.text,
            )
        ) from None
    title = AdaptedPost.model_validate(delivery.adapted).title
    return adapter.idempotency_key(KeySeed(token=delivery.token, title=title, created_at=delivery.scheduled_at))
