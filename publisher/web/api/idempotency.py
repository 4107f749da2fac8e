"""Answers a creating request with a known `Idempotency-Key` as before, and creates nothing.

The answer is stored in the transaction that creates. So a key whose request died has created nothing, and may be
claimed again once that request can't be alive any more. If that request was only slow, it finds that its row was
claimed by another, and creates nothing either.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, cast

from fastapi import Header
from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.db.session import Database
from publisher.db.staff import IdempotentAnswer
from publisher.web.api.problems import RequestRefused
from publisher.web.problem_codes import RequestProblem

MAX_KEY_AGE = timedelta(hours=24)
MAX_REQUEST_AGE = timedelta(minutes=2)
"""A request that has not ended after so long is dead."""

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Your own name for this request, such as a UUID. Sent again within 24 hours, the same request "
        "gets the same answer and creates nothing; another body with the same key is refused.",
        examples=["6d6c1f9e-8a57-4f7d-9a2c-7b1f0f0f5d11"],
    ),
]


@dataclass(frozen=True, slots=True)
class ClaimedKey:
    """A key that a request has claimed. The claim holds while the row's time is `at`."""

    row: int
    at: datetime


def begin(database: Database, person_id: int, key: str, body: bytes, now: datetime) -> ClaimedKey | dict[str, Any]:
    """Claims a key; or returns the stored answer, where the key was used before.

    Raises:
        RequestRefused: the key was used with another body, or its first request has not ended.
    """
    digest = hashlib.sha256(body).hexdigest()
    try:
        with database.writing() as session:
            session.execute(delete(IdempotentAnswer).where(IdempotentAnswer.created_at < now - MAX_KEY_AGE))
            query = select(IdempotentAnswer).where(IdempotentAnswer.person_id == person_id, IdempotentAnswer.key == key)
            known = session.scalar(query.with_for_update())
            if known is not None:
                return _answer_again(known, digest, now)
            row = IdempotentAnswer(person_id=person_id, key=key, request_hash=digest, created_at=now)
            session.add(row)
            session.flush()
            return ClaimedKey(row.id, now)
    except IntegrityError:
        raise _still_running() from None


def _answer_again(known: IdempotentAnswer, digest: str, now: datetime) -> ClaimedKey | dict[str, Any]:
    if known.request_hash != digest:
        raise RequestRefused(422, RequestProblem.IDEMPOTENCY_KEY_REUSED())
    if known.status is not None:
        return known.body
    if now - known.created_at <= MAX_REQUEST_AGE:
        raise _still_running()
    known.created_at = now
    return ClaimedKey(known.id, now)


def _still_running() -> RequestRefused:
    return RequestRefused(409, RequestProblem.FIRST_REQUEST_RUNNING(), headers={"Retry-After": "1"})


def finish(session: Session, claimed: ClaimedKey, body: dict[str, Any]) -> None:
    """Stores the answer in the transaction that creates.

    Raises:
        RequestRefused: the request took so long that another claimed its key; the transaction is undone.
    """
    updated = session.execute(
        update(IdempotentAnswer)
        .where(IdempotentAnswer.id == claimed.row, IdempotentAnswer.created_at == claimed.at)
        .values(status=201, body=body)
    )
    if cast("CursorResult[Any]", updated).rowcount != 1:
        raise _still_running()


def release(database: Database, claimed: ClaimedKey) -> None:
    """Releases the key of a refused request: a corrected one may use it again."""
    with database.writing() as session:
        session.execute(
            delete(IdempotentAnswer).where(
                IdempotentAnswer.id == claimed.row,
                IdempotentAnswer.created_at == claimed.at,
                IdempotentAnswer.status.is_(None),
            )
        )
