"""Records how a try of a delivery ended, and moves the delivery to its next state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

import structlog
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.core.content import Preparation, Publication
from publisher.core.logs import get_logger
from publisher.core.remedies import Remedy
from publisher.core.states import BY_HAND, AttemptOutcome, State
from publisher.db.session import Database
from publisher.delivery.attempts import add_attempt, close_attempt, error_columns, success_columns
from publisher.delivery.channel_pauses import pause_channel, postpone_pending, wait_channel
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.due import in_states
from publisher.delivery.outcomes import Outcome, outcome_of
from publisher.delivery.own_machine import OwnMachineFailed, find_own_failure
from publisher.delivery.post_owners import find_other_record
from publisher.delivery.unknown_outcomes import other_record_problem
from publisher.lifecycle import (
    ATTEMPTS,
    DELIVERIES,
    Fenced,
    Move,
    change_columns,
    close_lost_attempts,
    late_look_up_columns,
    may_become_public,
    move,
    record_delivery_event,
)
from publisher.lifecycle_late_success import record_late_success
from publisher.platforms.profiles import PublishingHabits


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTry:
    """Holds how a worker's try ended badly, and what follows."""

    outcome: Outcome
    error: Exception
    ended_at: datetime
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessfulTry:
    """Holds the post that a worker's try has made, and the habits of its platform."""

    publication: Publication
    habits: PublishingHabits
    ended_at: datetime


def record_not_sent(
    database: Database,
    claimed: ClaimedDelivery,
    failed: FailedTry,
    *,
    cost: int = 0,
    preparation: Preparation | None = None,
) -> None:
    """Records a try that ended before anything was sent.

    `cost`: of pictures that were handed over and posts that were read. `preparation`: what was begun for the next
    try. Raises Fenced.
    """
    if isinstance(failed.error, OwnMachineFailed):
        _undo_intent(database, claimed, failed, cost=cost, preparation=preparation)
        return
    with database.writing() as session:
        columns = {"cost_micros": cost, **error_columns(failed.error, failed.ended_at)}
        add_attempt(session, claimed, "send", started_at=failed.ended_at, worker=failed.worker, **columns)
        if preparation is not None:
            change_columns(session, claimed.id, claimed.fence, {"preparation": preparation.model_dump(mode="json")})
        _apply_outcome(session, claimed, State.PREPARING, failed)


def _undo_intent(
    database: Database,
    claimed: ClaimedDelivery,
    failed: FailedTry,
    *,
    cost: int,
    preparation: Preparation | None,
) -> None:
    """Restores the delivery as it was before a failure of this machine: nothing was sent. Raises Fenced."""
    columns: dict[str, Any] = {"sent_at": claimed.sent_at, "reported_public": claimed.reported_public}
    if preparation is not None:
        columns["preparation"] = preparation.model_dump(mode="json")
    attempt = {**error_columns(failed.error, failed.ended_at), "cost_micros": cost}
    outcome = replace(failed.outcome, values={**failed.outcome.values, **columns})
    try:
        with database.writing() as session:
            statement = update(ATTEMPTS).where(
                ATTEMPTS.c.delivery_id == claimed.id, ATTEMPTS.c.fence == claimed.fence, ATTEMPTS.c.outcome.is_(None)
            )
            if session.connection().execute(statement.values(**attempt)).rowcount == 0:
                add_attempt(session, claimed, "send", started_at=failed.ended_at, worker=failed.worker, **attempt)
            _apply_outcome(session, claimed, (State.PREPARING, State.PUBLISHING), replace(failed, outcome=outcome))
    except Fenced:
        _undo_loss(database, claimed)
        raise


def _undo_loss(database: Database, claimed: ClaimedDelivery) -> None:
    """Takes back the count of a loss: the worker was taken for lost while its machine was in trouble."""
    statement = update(DELIVERIES).where(
        DELIVERIES.c.id == claimed.id,
        DELIVERIES.c.fence == claimed.fence + 1,
        in_states(DELIVERIES, State.PENDING),
        DELIVERIES.c.lost_workers > 0,
    )
    with database.writing() as session:
        session.connection().execute(statement.values(lost_workers=DELIVERIES.c.lost_workers - 1))


def record_failure(
    database: Database,
    claimed: ClaimedDelivery,
    attempt: int,
    failed: FailedTry,
    *,
    unspent: int = 0,
) -> None:
    """Records a publishing request that ended badly. The attempt is stored even when the lease is lost.

    `unspent`: the part of the intent's cost that is certainly not charged.

    Raises:
        Fenced: somebody else has the delivery; the attempt's record was written anyway.
    """
    with database.writing() as session:
        if unspent:
            # Once, also where this is written again.
            spent = update(ATTEMPTS).where(ATTEMPTS.c.id == attempt, ATTEMPTS.c.outcome.is_(None))
            session.execute(spent.values(cost_micros=ATTEMPTS.c.cost_micros - unspent))
        close_attempt(session, attempt, error_columns(failed.error, failed.ended_at))
    with database.writing() as session:
        _apply_outcome(session, claimed, State.PUBLISHING, failed)


ClaimNext = Callable[[Connection], ClaimedDelivery | None]
"""Takes the next delivery of the channel in the transaction that records the one before it."""


def _claim_nothing(_rows: Connection) -> None:
    """Takes no further delivery."""


def record_success(
    database: Database,
    claimed: ClaimedDelivery,
    attempt: int,
    succeeded: SuccessfulTry,
    *,
    follow: ClaimNext = _claim_nothing,
) -> ClaimedDelivery | None:
    """Records a post that the platform accepted: that counts, whatever became of the lease.

    Returns the delivery that `follow` has taken in the same transaction. Where that can't be, what became of this one
    is recorded without it.
    """
    publication, now = succeeded.publication, succeeded.ended_at
    if not claimed.adapted.thread:
        try:
            with database.changing_rows() as rows:
                close_attempt(rows, attempt, success_columns(publication, now))
                move_to_published(rows, claimed, publication, State.PUBLISHING, succeeded.habits, now=now)
                return follow(rows)
        except Exception as error:
            # What is wrong with the next delivery must not keep this one from being recorded.
            if find_own_failure(error) is not None:
                # The caller writes this again, and takes nothing then.
                raise
            get_logger("delivery").info("recorded without taking the next one", delivery=claimed.id, why=str(error))
    try:
        _record_success(database, claimed, attempt, succeeded)
    except IntegrityError:
        # A look-up found this post before its own request had an answer, and took it for another delivery's.
        if not _hold_without_post(database, claimed, publication, now):
            raise
    return None


def _record_success(database: Database, claimed: ClaimedDelivery, attempt: int, succeeded: SuccessfulTry) -> None:
    publication, now = succeeded.publication, succeeded.ended_at
    with database.writing() as session:
        close_attempt(session, attempt, success_columns(publication, now))
        try:
            move_to_published(session, claimed, publication, State.PUBLISHING, succeeded.habits, now=now)
        except Fenced:
            record_late_success(session, claimed.id, publication, now)


def _hold_without_post(database: Database, claimed: ClaimedDelivery, publication: Publication, now: datetime) -> bool:
    """Holds a delivery whose post became another one's record; returns False when none did."""
    with database.writing() as session:
        other = find_other_record(session, claimed, publication)
        if other is None:
            return False
        close_lost_attempts(session, claimed.id, claimed.fence, now)
        try:
            move(
                session, claimed.id, Move(State.PUBLISHING, State.HELD), fence=claimed.fence, now=now,
                unknown_since=now, problem=other_record_problem(claimed, other, publication),
                **late_look_up_columns(now),
            )  # fmt: skip
        except Fenced:
            get_logger("delivery").info("the post of another delivery, and in other hands by now", delivery=claimed.id)
    return True


def move_to_published(
    rows: Session | Connection,
    claimed: ClaimedDelivery,
    publication: Publication,
    before: State,
    habits: PublishingHabits,
    *,
    now: datetime,
) -> None:
    """Moves a delivery to `published`. `rows` must be a session where the post has a thread."""
    settle = now + timedelta(seconds=habits.settle_seconds)
    move(
        rows, claimed.id, Move(before, State.PUBLISHED), fence=claimed.fence, now=now,
        remote_id=publication.remote_id, remote_url=publication.url,
        published_at=now, verify_at=settle, unknown_since=None, tries=0, problem=None,
    )  # fmt: skip
    if habits.minimum_gap_seconds:
        wait_channel(rows, claimed.channel, now + timedelta(seconds=habits.minimum_gap_seconds))


def log_outcome(
    log: structlog.stdlib.BoundLogger, event: str, outcome: Outcome, error: Exception, zone: tzinfo
) -> None:
    """Logs one line for an operator, with times in `zone`; a trace only for an unexpected error."""
    ended = outcome_of(error)
    unexpected = ended is AttemptOutcome.UNEXPECTED
    due = outcome.values.get("due_at")
    log.log(
        40 if unexpected or outcome.to in (State.HELD, State.FAILED) else 30,
        event,
        state=str(outcome.to),
        why=str(outcome.problem),
        error=ended.value,
        next_try=due.astimezone(zone).isoformat(timespec="seconds") if due else None,
        exc_info=error if unexpected else None,
    )
    if outcome.trouble:
        log.error("channel in trouble", why=str(outcome.trouble))


def _apply_outcome(
    session: Session,
    claimed: ClaimedDelivery,
    before: State | tuple[State, ...],
    failed: FailedTry,
) -> None:
    outcome, now = failed.outcome, failed.ended_at
    problem = outcome.problem
    if outcome.to == State.HELD and outcome.pause_problem:
        problem = problem.with_remedy(Remedy.RECONNECT_AND_RETRY, channel=claimed.channel, delivery=claimed.id)
    unknown_since = outcome.values.get("unknown_since") or claimed.unknown_since
    rests = outcome.to in BY_HAND and may_become_public(unknown_since, claimed.lost_requests)
    # An earlier request may have been carried out since anybody looked.
    later = late_look_up_columns(now, at_once=claimed.lost_requests > 0) if rests else {}
    move(
        session, claimed.id, Move(before, outcome.to), fence=claimed.fence, now=now, actor=failed.worker,
        problem=problem, lost_workers=0, **outcome.values, **later,
    )  # fmt: skip
    if outcome.pause_problem:
        pause_channel(session, claimed.channel, outcome.pause_problem, now)
    if outcome.channel_waits_until:
        wait_channel(session, claimed.channel, outcome.channel_waits_until)
    if outcome.others_wait_until:
        postpone_pending(session, claimed.channel, outcome.others_wait_until)
    if outcome.trouble:
        detail = {"channel": claimed.channel, "problem": outcome.trouble.to_json()}
        record_delivery_event(session, claimed.id, "channel in trouble", now=now, detail=detail)
