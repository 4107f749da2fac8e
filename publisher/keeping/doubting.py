"""What a database from a backup believes, doubted before any desk works with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from publisher.content import AdaptedPost
from publisher.db.models import Delivery
from publisher.db.operations import Channel
from publisher.keeping.files import BackupError
from publisher.lifecycle import restore_deliveries
from publisher.platforms.base import KeySeed
from publisher.platforms.registry import adapter_class
from publisher.post_queue.gap import Gap, close_gap
from publisher.settings import Settings


@dataclass(frozen=True, slots=True)
class Doubts:
    looked_up: int
    """How many deliveries may have gone out since the backup, and are looked up first."""
    gap: Gap
    """The days since the backup of which nothing is known."""


def doubt(session: Session, settings: Settings, *, since: datetime, now: datetime) -> Doubts:
    """Believe that the lost desk went on publishing from `since` until now.

    Raises:
        BackupError: no adapter knows the platform of a channel.
    """
    looked_up = restore_deliveries(session, now, lambda delivery: _key_of(session, delivery))
    return Doubts(len(looked_up), close_gap(session, settings, since=since, now=now))


def _key_of(session: Session, delivery: Delivery) -> str:
    """The idempotency key that the lost desk used, if it sent this delivery."""
    platform = session.get_one(Channel, delivery.channel_name).platform
    try:
        adapter = adapter_class(platform)
    except LookupError as error:
        raise BackupError(
            f"the channel {delivery.channel_name!r} can't be restored: {error}; install a version that knows it"
        ) from None
    title = AdaptedPost.model_validate(delivery.adapted).title
    return adapter.idempotency_key(KeySeed(token=delivery.token, title=title, created_at=delivery.scheduled_at))
