"""Stores attempts: requests that publish, look-ups and read-backs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Connection, bindparam, insert, update
from sqlalchemy.orm import Session

from publisher.core.content import Publication
from publisher.core.states import State
from publisher.db.driver_statements import DriverStatement
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.outcomes import error_name
from publisher.lifecycle import (
    ATTEMPTS,
    connection_of,
)
from publisher.platforms.errors import PlatformError

DETAIL_LENGTH = 1000
ADD_ATTEMPT = DriverStatement(insert(ATTEMPTS).returning(ATTEMPTS.c.id))
CLOSE_ATTEMPT = DriverStatement(update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("of_id")))


def success_columns(publication: Publication, now: datetime) -> dict[str, Any]:
    """Returns what an attempt's record keeps of a post."""
    return {
        "outcome": State.PUBLISHED.value,
        "ended_at": now,
        "request_id": publication.request_id,
        "detail": publication.answer[:DETAIL_LENGTH],
    }


def add_attempt(rows: Session | Connection, claimed: ClaimedDelivery, kind: str, **values: Any) -> int:
    """Stores an attempt and returns its id. `values`: its other columns."""
    row = {"delivery_id": claimed.id, "kind": kind, "fence": claimed.fence, "detail": "", "cost_micros": 0, **values}
    inserted = cast("dict[str, int]", ADD_ATTEMPT.first(connection_of(rows), row))
    return inserted["id"]


def close_attempt(rows: Session | Connection, attempt: int, columns: dict[str, Any]) -> None:
    """Stores how an attempt ended."""
    CLOSE_ATTEMPT.change(connection_of(rows), {"of_id": attempt, **columns})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Holds how a look-up or a read-back ended."""

    kind: Literal["lookup", "verify"]
    outcome: str
    started_at: datetime
    ended_at: datetime
    worker: str
    detail: str
    cost: int = 0
    """Of the posts that it read, in micros."""


def add_reading(session: Session, claimed: ClaimedDelivery, reading: Reading) -> None:
    """Stores a look-up or a read-back."""
    add_attempt(
        session, claimed, reading.kind, started_at=reading.started_at, worker=reading.worker,
        ended_at=reading.ended_at, outcome=reading.outcome, detail=reading.detail[:DETAIL_LENGTH],
        cost_micros=reading.cost,
    )  # fmt: skip


def error_columns(error: Exception, now: datetime) -> dict[str, Any]:
    """Returns what an attempt's record keeps of an error."""
    detail = f"{error.message} {error.answer}".strip() if isinstance(error, PlatformError) else repr(error)
    return {
        "outcome": error_name(error),
        "ended_at": now,
        "status": error.status if isinstance(error, PlatformError) else None,
        "request_id": error.request_id if isinstance(error, PlatformError) else None,
        "detail": detail[:DETAIL_LENGTH],
    }
