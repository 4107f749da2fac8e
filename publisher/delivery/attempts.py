"""Stores attempts: requests that publish, look-ups and read-backs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Connection, bindparam, insert, update
from sqlalchemy.orm import Session

from publisher.core.content import Publication
from publisher.core.errors import UserError
from publisher.core.problems import Problem
from publisher.core.states import AttemptOutcome
from publisher.db.driver_statements import DriverStatement
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.outcomes import outcome_of, problem_of
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
        "outcome": AttemptOutcome.PUBLISHED.value,
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
    outcome: AttemptOutcome
    started_at: datetime
    ended_at: datetime
    worker: str
    problem: Problem | None = None
    detail: str = ""
    """What the platform answered, or the links of what was found."""
    cost: int = 0
    """Of the posts that it read, in micros."""


def add_reading(session: Session, claimed: ClaimedDelivery, reading: Reading) -> None:
    """Stores a look-up or a read-back."""
    add_attempt(
        session, claimed, reading.kind, started_at=reading.started_at, worker=reading.worker,
        ended_at=reading.ended_at, outcome=reading.outcome.value, problem=reading.problem,
        detail=reading.detail[:DETAIL_LENGTH], cost_micros=reading.cost,
    )  # fmt: skip


def error_columns(error: Exception, now: datetime) -> dict[str, Any]:
    """Returns what an attempt's record keeps of an error."""
    return {
        "outcome": outcome_of(error).value,
        "ended_at": now,
        "status": error.status if isinstance(error, PlatformError) else None,
        "request_id": error.request_id if isinstance(error, PlatformError) else None,
        "problem": problem_of(error),
        "detail": answer_of(error)[:DETAIL_LENGTH],
    }


def answer_of(error: Exception) -> str:
    """Returns what a platform answered, or a fault of the program as the log has it."""
    if isinstance(error, PlatformError):
        return error.answer
    return "" if isinstance(error, UserError) else repr(error)
