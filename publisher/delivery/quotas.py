"""Stores the quotas that platforms report, and lets nothing out that would exceed them.

Whatever lets a request out asks here first. A used-up quota then has the same effect as the
platform's own refusal would have, without the request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, exists, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from publisher.core.clock import Clock
from publisher.core.content import AdaptedPost
from publisher.core.logs import get_logger
from publisher.db import operations
from publisher.db.base import UtcDateTime
from publisher.db.driver_statements import DriverStatement
from publisher.db.session import Database
from publisher.delivery.problem_codes import DeliveryProblem
from publisher.lifecycle import connection_of
from publisher.platforms.base import Quota, QuotaKind
from publisher.platforms.errors import RateLimited

Needs = Mapping[QuotaKind, int]
"""How much of each kind of quota something takes."""

FEW_LEFT, SCARCE_SHARE = 20, 0.2
"""From here on, as a number or as a share of the whole, every answer is stored."""
REPEAT_INTERVAL = timedelta(minutes=1)
MAX_WAIT = timedelta(days=2)
"""Whatever a platform says, it is asked again after so long."""

READING_NEEDS: Needs = {"reading": 1, "requests": 1}


def publishing_needs(adapted: AdaptedPost) -> Needs:
    """Returns what publishing this post takes."""
    return {"posts": 1, "requests": 1, "media": len(adapted.images)}


QUOTAS = cast("Table", operations.Quota.__table__)
NOW = bindparam("now", type_=UtcDateTime())
_is_present = (QUOTAS.c.channel_name == bindparam("channel"), QUOTAS.c.resets_at > NOW)
_columns = (QUOTAS.c.name, QUOTAS.c.kind, QUOTAS.c.maximum, QUOTAS.c.remaining, QUOTAS.c.resets_at)
PRESENT_QUOTAS = DriverStatement(select(*_columns).where(*_is_present))
HAS_QUOTAS = exists().where(*_is_present).label("has_quotas")
COUNT_REQUEST = (
    update(QUOTAS)
    .where(*_is_present, QUOTAS.c.kind.in_(("posts", "requests")), QUOTAS.c.remaining > 0)
    .values(remaining=QUOTAS.c.remaining - 1)
)


@dataclass(frozen=True, slots=True)
class UsedUpQuota:
    """Holds a quota that leaves too little, and when it is reset."""

    name: str
    until: datetime


def find_used_up_quota(rows: Session | Connection, channel: str, needs: Needs, now: datetime) -> UsedUpQuota | None:
    """Returns the quota that keeps a channel waiting longest for what it needs; None when nothing does."""
    return _longest_wait(_present_quotas(rows, channel, now), needs, now)


def _present_quotas(rows: Session | Connection, channel: str, now: datetime) -> list[dict[str, Any]]:
    return PRESENT_QUOTAS.all(connection_of(rows), {"channel": channel, "now": now})


def _longest_wait(present: list[dict[str, Any]], needs: Needs, now: datetime) -> UsedUpQuota | None:
    waits = [
        UsedUpQuota(quota["name"], min(quota["resets_at"], now + MAX_WAIT))
        for quota in present
        if _leaves_too_little(quota, needs)
    ]
    return max(waits, key=lambda wait: wait.until, default=None)


def _leaves_too_little(quota: Mapping[str, Any], needs: Needs) -> bool:
    """Returns whether a quota leaves too little. A post that no day's quota could hold goes to the platform."""
    needed = next((number for kind, number in needs.items() if kind == quota["kind"]), 0)
    lacks: bool = quota["remaining"] < min(needed, max(quota["maximum"], 1))
    return lacks


def require_quotas(rows: Session | Connection, channel: str, adapted: AdaptedPost, now: datetime) -> bool:
    """Returns whether any quota is known for this moment. Raises RateLimited when one leaves too little."""
    present = _present_quotas(rows, channel, now)
    if wait := _longest_wait(present, publishing_needs(adapted), now):
        raise RateLimited(
            DeliveryProblem.QUOTA_USED_UP(quota=wait.name, platform=adapted.platform),
            retry_at=wait.until,
        )
    return bool(present)


def count_request(rows: Session | Connection, channel: str, now: datetime) -> None:
    """Counts a publishing request before it is sent: its answer, with what is left, may be lost."""
    connection_of(rows).execute(COUNT_REQUEST, {"channel": channel, "now": now})


class QuotaStore:
    """Stores the quotas that answers report. While plenty is left, not every answer is worth a write."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[Quota, datetime]] = {}

    def store(self, channel: str, reported: Sequence[Quota]) -> None:
        """Stores what an answer reports. Never raises: the answer itself matters more."""
        now = self._clock.now()
        news = [quota for quota in reported if self._is_news(channel, quota, now)]
        if news and store_quotas(self._database, channel, news, now):
            self._kept |= {(channel, quota.name): (quota, now) for quota in news}

    def _is_news(self, channel: str, quota: Quota, now: datetime) -> bool:
        stored, at = self._kept.get((channel, quota.name), (None, now))
        if stored is None or quota.remaining <= max(FEW_LEFT, quota.maximum * SCARCE_SHARE):
            return True
        same_window = stored.maximum == quota.maximum and abs(quota.resets_at - stored.resets_at) < REPEAT_INTERVAL
        return not (same_window and timedelta(0) <= now - at < REPEAT_INTERVAL)


def store_quotas(database: Database, channel: str, reported: Sequence[Quota], now: datetime) -> bool:
    """Stores what an answer reports, and returns whether that worked."""
    try:
        with database.writing() as session:
            for quota in reported:
                session.merge(
                    operations.Quota(
                        channel_name=channel,
                        name=quota.name,
                        kind=quota.kind,
                        maximum=quota.maximum,
                        remaining=quota.remaining,
                        resets_at=quota.resets_at,
                        seen_at=now,
                    )
                )
    except SQLAlchemyError as error:
        get_logger("delivery").warning("a quota was not stored", channel=channel, error=type(error).__name__)
        return False
    return True
