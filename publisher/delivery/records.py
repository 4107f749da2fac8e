"""Writing down what happened to a delivery: intent before the send, outcome after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, cast

import structlog
from sqlalchemy import Connection, and_, bindparam, insert, or_, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from publisher.core.content import Preparation, Publication
from publisher.core.logs import get_logger
from publisher.core.states import BY_HAND, SENT, State
from publisher.db.base import UtcDateTime
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.db.statements import DriverStatement
from publisher.delivery import quotas
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.due import CHANNELS, in_states
from publisher.delivery.outcomes import Outcome, error_name
from publisher.delivery.own_machine import OwnMachineFailed
from publisher.delivery.unknown import is_other_record
from publisher.lifecycle import (
    ATTEMPTS,
    DELIVERIES,
    Fenced,
    change_ours,
    connection_of,
    key_is_taken,
    late_look_ups,
    lose_attempt,
    may_come_late,
    move,
    next_token,
    record_event,
    record_late_success,
)
from publisher.platforms.base import KeySeed
from publisher.platforms.errors import PlatformError, Unavailable
from publisher.platforms.profiles import PublishingHabits

DETAIL_LENGTH = 1000


UNTIL = bindparam("until", type_=UtcDateTime())
ADD_ATTEMPT = DriverStatement(insert(ATTEMPTS).returning(ATTEMPTS.c.id))
CLOSE_ATTEMPT = DriverStatement(update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("of_id")))
WAIT = (
    update(CHANNELS)
    .where(
        CHANNELS.c.name == bindparam("of_name"),
        or_(CHANNELS.c.next_publish_at.is_(None), CHANNELS.c.next_publish_at < UNTIL),
    )
    .values(next_publish_at=UNTIL)
)
PUT_OFF = (
    update(DELIVERIES)
    .where(
        DELIVERIES.c.channel_name == bindparam("of_channel"),
        in_states(DELIVERIES, State.PENDING),
        DELIVERIES.c.due_at < UNTIL,
    )
    .values(due_at=UNTIL)
)


class KeyTaken(Unavailable):
    """Another delivery has the idempotency key; nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What one request that publishes takes from its channel."""

    key: str
    preparation: Preparation
    cost: int
    """In micros, with what was paid for handing its pictures over."""
    gap: timedelta
    """The platform's human pace."""


def free_key(rows: Session | Connection, claimed: ClaimedDelivery, key_of: Callable[[KeySeed], str]) -> tuple[str, str]:
    """The delivery's idempotency key, and the token that it is made of: what it has, or new ones.

    Some platforms' keys are few: Instagram's are moments. Where another delivery has the key, this
    one gets another token to make it of. Of two that take a key at the same moment, the database
    refuses the second one, which comes here again.
    """
    if claimed.idempotency_key is not None:
        return claimed.idempotency_key, claimed.seed.token
    seed = claimed.seed
    while key_is_taken(rows, key := key_of(seed)):
        seed = replace(seed, token=next_token(seed.token))
    return key, seed.token


def keep_token(database: Database, claimed: ClaimedDelivery, token: str) -> None:
    """Give the delivery another token to make its key of. Raises Fenced."""
    with database.writing() as session:
        change_ours(session, claimed.id, claimed.fence, {"token": token})


def commit_intent(
    database: Database, claimed: ClaimedDelivery, intent: Intent, *, now: datetime, lease: timedelta, owner: str
) -> int:
    """Put the intent to publish on disk, with all that it takes, and return the attempt's id.

    Raises:
        Fenced: the delivery is in other hands.
        RateLimited: a quota does not leave what it takes; nothing was written.
        KeyTaken: another delivery got this key at the same moment; nothing was written.
    """
    try:
        return _commit_intent(database, claimed, intent, now=now, lease=lease, owner=owner)
    except IntegrityError:
        with database.reading() as session:
            if claimed.idempotency_key is None and key_is_taken(session, intent.key):
                raise KeyTaken("Another post took this one's key at the same moment; it gets one of its own") from None
        raise


def _commit_intent(
    database: Database, claimed: ClaimedDelivery, intent: Intent, *, now: datetime, lease: timedelta, owner: str
) -> int:
    with database.changing_rows() as rows:
        if quotas.require(rows, claimed.channel, claimed.adapted, now):
            quotas.take(rows, claimed.channel, now)
        if intent.gap:
            # Whatever becomes of this request, and of us: the next post keeps its distance.
            wait_channel(rows, claimed.channel, now + intent.gap)
        move(
            rows, claimed.id, fence=claimed.fence, before=State.PREPARING, to=State.PUBLISHING, now=now,
            actor=owner, lease_owner=owner, lease_until=now + lease, idempotency_key=intent.key,
            sent_at=claimed.sent_at or now, preparation=intent.preparation.model_dump(mode="json"), lost_workers=0,
            reported_public=False,
        )  # fmt: skip
        return _add_attempt(rows, claimed, "send", started_at=now, worker=owner, cost_micros=intent.cost)


def record_end(
    database: Database,
    claimed: ClaimedDelivery,
    outcome: Outcome,
    error: Exception,
    *,
    now: datetime,
    owner: str,
    cost: int = 0,
    preparation: Preparation | None = None,
) -> None:
    """The try ended before anything was sent.

    `cost`: of pictures that were handed over and posts that were read. `preparation`: what was begun for the next
    try. Raises Fenced.
    """
    if isinstance(error, OwnMachineFailed):
        _give_back(database, claimed, outcome, error, now=now, owner=owner, cost=cost, preparation=preparation)
        return
    with database.writing() as session:
        _add_attempt(
            session, claimed, "send", started_at=now, worker=owner, cost_micros=cost, **_told(error, now)
        )  # fmt: skip
        if preparation is not None:
            change_ours(session, claimed.id, claimed.fence, {"preparation": preparation.model_dump(mode="json")})
        _apply(session, claimed, State.PREPARING, outcome, now=now, owner=owner)


def _give_back(
    database: Database,
    claimed: ClaimedDelivery,
    outcome: Outcome,
    error: OwnMachineFailed,
    *,
    now: datetime,
    owner: str,
    cost: int,
    preparation: Preparation | None,
) -> None:
    """Nothing was sent, and yet the intent may be in the database: the delivery is as it was before. Raises Fenced."""
    former: dict[str, Any] = {"sent_at": claimed.sent_at, "reported_public": claimed.reported_public}
    if preparation is not None:
        former["preparation"] = preparation.model_dump(mode="json")
    told = {**_told(error, now), "cost_micros": cost}
    given_back = replace(outcome, values={**outcome.values, **former})
    try:
        with database.writing() as session:
            begun = update(ATTEMPTS).where(
                ATTEMPTS.c.delivery_id == claimed.id, ATTEMPTS.c.fence == claimed.fence, ATTEMPTS.c.outcome.is_(None)
            )
            if session.connection().execute(begun.values(**told)).rowcount == 0:
                _add_attempt(session, claimed, "send", started_at=now, worker=owner, **told)
            _apply(session, claimed, (State.PREPARING, State.PUBLISHING), given_back, now=now, owner=owner)
    except Fenced:
        _take_loss_back(database, claimed)
        raise


def _take_loss_back(database: Database, claimed: ClaimedDelivery) -> None:
    """A worker that was taken for lost while its machine was in trouble is not: that counts for nothing."""
    counted = update(DELIVERIES).where(
        DELIVERIES.c.id == claimed.id,
        DELIVERIES.c.fence == claimed.fence + 1,
        in_states(DELIVERIES, State.PENDING),
        DELIVERIES.c.lost_workers > 0,
    )
    with database.writing() as session:
        session.connection().execute(counted.values(lost_workers=DELIVERIES.c.lost_workers - 1))


def record_answer(
    database: Database,
    claimed: ClaimedDelivery,
    attempt: int,
    outcome: Outcome,
    error: Exception,
    *,
    now: datetime,
    owner: str,
    unspent: int = 0,
) -> None:
    """The publishing request ended badly. What was learnt is kept even when the lease is lost.

    `unspent`: what of the intent's cost is surely not asked for.

    Raises:
        Fenced: the delivery is in other hands; the attempt's record was written nevertheless.
    """
    with database.writing() as session:
        if unspent:
            # Once, also where this is written again.
            spent = update(ATTEMPTS).where(ATTEMPTS.c.id == attempt, ATTEMPTS.c.outcome.is_(None))
            session.execute(spent.values(cost_micros=ATTEMPTS.c.cost_micros - unspent))
        close_attempt(session, attempt, _told(error, now))
    with database.writing() as session:
        _apply(session, claimed, State.PUBLISHING, outcome, now=now, owner=owner)


Follow = Callable[[Connection], ClaimedDelivery | None]
"""Takes the next delivery of the channel in the transaction that records the one before it."""


def _take_none(_rows: Connection) -> None:
    """Nothing follows."""


def record_success(
    database: Database,
    claimed: ClaimedDelivery,
    attempt: int,
    publication: Publication,
    habits: PublishingHabits,
    *,
    now: datetime,
    follow: Follow = _take_none,
) -> ClaimedDelivery | None:
    """The platform accepted the post: whatever became of the lease, that is the truth.

    Returns the delivery that `follow` has taken in the same transaction. Where that can't be, what became of this one
    is recorded without it.
    """
    if not claimed.adapted.thread:
        try:
            with database.changing_rows() as rows:
                close_attempt(rows, attempt, _told_success(publication, now))
                publish(rows, claimed, publication, State.PUBLISHING, habits, now=now)
                return follow(rows)
        except Exception as error:
            # What is wrong with the next delivery must not keep this one from being recorded.
            if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError):
                raise
            get_logger("delivery").info("recorded without taking the next one", delivery=claimed.id, why=str(error))
    try:
        _record_success(database, claimed, attempt, publication, habits, now=now)
    except IntegrityError:
        # A look-up that knew of this post before its own request had an answer has taken it for another delivery.
        if not _hold_without_post(database, claimed, publication, now):
            raise
    return None


def _told_success(publication: Publication, now: datetime) -> dict[str, Any]:
    """What an attempt's record keeps of a post."""
    return {
        "outcome": State.PUBLISHED.value,
        "ended_at": now,
        "request_id": publication.request_id,
        "detail": publication.answer[:DETAIL_LENGTH],
    }


def _record_success(
    database: Database,
    claimed: ClaimedDelivery,
    attempt: int,
    publication: Publication,
    habits: PublishingHabits,
    *,
    now: datetime,
) -> None:
    with database.writing() as session:
        close_attempt(session, attempt, _told_success(publication, now))
        try:
            publish(session, claimed, publication, State.PUBLISHING, habits, now=now)
        except Fenced:
            record_late_success(session, claimed.id, publication, now)


def _hold_without_post(database: Database, claimed: ClaimedDelivery, publication: Publication, now: datetime) -> bool:
    """Hold a delivery whose post was taken for the post of another one; False when it was not."""
    with database.writing() as session:
        other = other_record(session, claimed, publication)
        if other is None:
            return False
        lose_attempt(session, claimed.id, claimed.fence, now)
        try:
            move(
                session, claimed.id, fence=claimed.fence, before=State.PUBLISHING, to=State.HELD, now=now,
                unknown_since=now, problem=is_other_record(claimed, other, publication), **late_look_ups(now),
            )  # fmt: skip
        except Fenced:
            get_logger("delivery").info("the post of another delivery, and in other hands by now", delivery=claimed.id)
    return True


def publish(
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
        rows, claimed.id, fence=claimed.fence, before=before, to=State.PUBLISHED, now=now,
        remote_id=publication.remote_id, remote_url=publication.url,
        published_at=now, verify_at=settle, unknown_since=None, tries=0, problem="",
    )  # fmt: skip
    if habits.minimum_gap_seconds:
        wait_channel(rows, claimed.channel, now + timedelta(seconds=habits.minimum_gap_seconds))


def _add_attempt(rows: Session | Connection, claimed: ClaimedDelivery, kind: str, **values: Any) -> int:
    row = {"delivery_id": claimed.id, "kind": kind, "fence": claimed.fence, "detail": "", "cost_micros": 0, **values}
    added = cast("dict[str, int]", ADD_ATTEMPT.first(connection_of(rows), row))
    return added["id"]


def close_attempt(rows: Session | Connection, attempt: int, told: dict[str, Any]) -> None:
    CLOSE_ATTEMPT.change(connection_of(rows), {"of_id": attempt, **told})


def add_reading(
    session: Session,
    claimed: ClaimedDelivery,
    kind: str,
    outcome: str,
    *,
    started: datetime,
    now: datetime,
    owner: str,
    detail: str,
    cost: int = 0,
) -> None:
    """Record a look-up or a read-back; `cost`: of the posts that it read."""
    _add_attempt(
        session, claimed, kind, started_at=started, worker=owner, ended_at=now, outcome=outcome,
        detail=detail[:DETAIL_LENGTH], cost_micros=cost,
    )  # fmt: skip


def other_record(session: Session, claimed: ClaimedDelivery, found: Publication) -> int | None:
    """The delivery, another than this one, of which a post on its platform is the record."""
    query = (
        select(DELIVERIES.c.id)
        .join(CHANNELS, CHANNELS.c.name == DELIVERIES.c.channel_name)
        .where(
            DELIVERIES.c.remote_id == found.remote_id,
            DELIVERIES.c.id != claimed.id,
            CHANNELS.c.platform == claimed.adapted.platform,
        )
    )
    return session.scalar(query.limit(1))


def without_other_records(session: Session, claimed: ClaimedDelivery, found: Publication) -> tuple[Publication, ...]:
    """The posts that were found, but for those that are the records of other deliveries, or may be their posts.

    Where another delivery of the same text is unknown, a delivery that is looked up for its own sake has the first
    post. None is a second copy then, and what is only looked at again takes none: the other one's may be it.
    """
    alike = (found.model_copy(update={"copies": ()}), *found.copies)
    own = tuple(post for post in alike if other_record(session, claimed, post) is None)
    if not own or not _has_unknown_twin(session, claimed):
        return own
    return own[:1] if claimed.state in SENT else tuple(post for post in own if post.remote_id == claimed.remote_id)


def _has_unknown_twin(session: Session, claimed: ClaimedDelivery) -> bool:
    """Whether another delivery of the same text on this platform may be public without a record of its post."""
    query = (
        select(DELIVERIES.c.adapted)
        .join(CHANNELS, CHANNELS.c.name == DELIVERIES.c.channel_name)
        .where(
            CHANNELS.c.platform == claimed.adapted.platform,
            DELIVERIES.c.id != claimed.id,
            DELIVERIES.c.remote_id.is_(None),
            or_(
                in_states(DELIVERIES, *SENT),
                and_(in_states(DELIVERIES, *BY_HAND), DELIVERIES.c.unknown_since.is_not(None)),
            ),
        )
    )
    return any(adapted.get("caption") == claimed.adapted.caption for adapted in session.scalars(query))


def own_post(session: Session, claimed: ClaimedDelivery, found: Publication) -> Publication | None:
    """What was found, without the records of other deliveries; None: nothing is left of it."""
    own = without_other_records(session, claimed, found)
    return own[0].model_copy(update={"copies": own[1:]}) if own else None


def without_record(session: Session, claimed: ClaimedDelivery, posts: Sequence[Publication]) -> list[Publication]:
    """Those of these posts that are the record of no delivery on their platform, under no id of theirs."""
    ids = {name for post in posts for name in (post.remote_id, post.former_id) if name}
    query = (
        select(DELIVERIES.c.remote_id)
        .join(CHANNELS, CHANNELS.c.name == DELIVERIES.c.channel_name)
        .where(DELIVERIES.c.remote_id.in_(ids), CHANNELS.c.platform == claimed.adapted.platform)
    )
    known = set(session.scalars(query))
    return [post for post in posts if known.isdisjoint((post.remote_id, post.former_id))]


def pause_channel(session: Session, channel: str, reason: str, now: datetime) -> None:
    """Stop a channel until a person has mended it. Told once."""
    row = session.get_one(Channel, channel)
    if row.paused_at is None:
        row.paused_at = now
        row.pause_reason = reason
        record_event(session, "channel paused", now=now, detail={"channel": channel, "reason": reason})


def wait_channel(rows: Session | Connection, channel: str, until: datetime) -> None:
    """Let a channel publish nothing before `until`; an earlier wish to wait longer stands."""
    connection_of(rows).execute(WAIT, {"of_name": channel, "until": until})


def put_off(session: Session, channel: str, until: datetime) -> None:
    """Let no delivery that waits on a channel go out before `until`."""
    session.connection().execute(PUT_OFF, {"of_channel": channel, "until": until})


def tell(log: structlog.stdlib.BoundLogger, what: str, outcome: Outcome, error: Exception, zone: tzinfo) -> None:
    """One log line for an operator, with times as in `zone`; the trace only when the program itself is to blame."""
    unexpected = error_name(error) == "unexpected"
    due = outcome.values.get("due_at")
    log.log(
        40 if unexpected or outcome.to in (State.HELD, State.FAILED) else 30,
        what,
        state=str(outcome.to),
        why=outcome.problem,
        error=error_name(error),
        next_try=due.astimezone(zone).isoformat(timespec="seconds") if due else None,
        exc_info=error if unexpected else None,
    )
    if outcome.trouble:
        log.error("channel in trouble", why=outcome.trouble)


def _told(error: Exception, now: datetime) -> dict[str, Any]:
    """What an attempt's record keeps of an error."""
    detail = f"{error.message} {error.answer}".strip() if isinstance(error, PlatformError) else repr(error)
    return {
        "outcome": error_name(error),
        "ended_at": now,
        "status": error.status if isinstance(error, PlatformError) else None,
        "request_id": error.request_id if isinstance(error, PlatformError) else None,
        "detail": detail[:DETAIL_LENGTH],
    }


def _apply(
    session: Session,
    claimed: ClaimedDelivery,
    before: State | tuple[State, ...],
    outcome: Outcome,
    *,
    now: datetime,
    owner: str,
) -> None:
    of_the_account = outcome.to == State.HELD and outcome.pause_reason
    problem = _with_remedy(claimed, outcome.problem) if of_the_account else outcome.problem
    unknown_since = outcome.values.get("unknown_since") or claimed.unknown_since
    rests = outcome.to in BY_HAND and may_come_late(unknown_since, claimed.lost_requests)
    # An earlier request may have been carried out since anybody looked.
    later = late_look_ups(now, at_once=claimed.lost_requests > 0) if rests else {}
    move(
        session, claimed.id, fence=claimed.fence, before=before, to=outcome.to, now=now, actor=owner,
        problem=problem, lost_workers=0, **outcome.values, **later,
    )  # fmt: skip
    if outcome.pause_reason:
        pause_channel(session, claimed.channel, outcome.pause_reason, now)
    if outcome.channel_waits_until:
        wait_channel(session, claimed.channel, outcome.channel_waits_until)
    if outcome.others_wait_until:
        put_off(session, claimed.channel, outcome.others_wait_until)
    if outcome.trouble:
        detail = {"channel": claimed.channel, "problem": outcome.trouble}
        record_event(session, "channel in trouble", now=now, delivery_id=claimed.id, detail=detail)


def _with_remedy(claimed: ClaimedDelivery, problem: str) -> str:
    """What is wrong with the account, and every command that leads out of it."""
    connect = f"publisher connect {claimed.channel}"
    mend = "" if connect in problem else f"Run {connect}, or mend its secrets. "
    return f"{problem.rstrip('.')}. {mend}Then: publisher resume {claimed.channel}, publisher retry {claimed.id}."
