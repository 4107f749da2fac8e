"""Claims deliveries for a worker, so that no other worker has one at the same time.

What every delivery asks of the database stands in statements that are built once: building one takes
longer than carrying it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import BindParameter, ColumnElement, Connection, Select, bindparam, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.core.content import AdaptedPost, Preparation
from publisher.core.logs import get_logger
from publisher.core.states import LEASED, State
from publisher.db.driver_statements import DriverStatement
from publisher.db.session import Database
from publisher.delivery import quotas
from publisher.delivery.due import CHANNELS, DUE_LOOK_UP, DUE_POST, DUE_READ_BACK, MAY_PUBLISH, MAY_READ, in_states
from publisher.delivery.problem_codes import DeliveryProblem
from publisher.lifecycle import DELIVERIES, Fenced, Move, change_columns, move
from publisher.platforms.base import KeySeed

READING_SECONDS = 60.0
"""The longest that a look-up or a read-back takes, all its requests together."""
READING_LEASE_SECONDS = 150.0
"""One that is not recorded within this time is begun again by somebody. An account that was refused is checked in it,
too; were it shorter than that, workers would take a slow look-up from each other without an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDelivery:
    """Holds a delivery that a worker has claimed, as it was when it was claimed."""

    id: int
    channel: str
    fence: int
    state: State
    adapted: AdaptedPost
    seed: KeySeed
    idempotency_key: str | None
    preparation: Preparation
    """What was prepared for the last publishing request; nothing before the first one."""
    expires_at: datetime
    tries: int
    lookups: int
    clean_lookups: int
    lost_requests: int
    reported_public: bool
    unknown_since: datetime | None
    sent_at: datetime | None
    remote_id: str | None
    has_quotas: bool
    """Whether a quota was known when the post was claimed. For a look-up or a read-back: False."""


COLUMNS = [
    DELIVERIES.c[name]
    for name in (
        *("id", "channel_name", "fence", "state", "adapted", "token", "scheduled_at", "idempotency_key"),
        *("preparation", "expires_at", "tries", "lookups", "clean_lookups", "lost_requests", "reported_public"),
        *("unknown_since", "sent_at", "remote_id"),
    )
]
CHANNEL: BindParameter[str] = bindparam("channel")


def _next_due(due: ColumnElement[bool], *columns: ColumnElement[Any]) -> Select[Any]:
    """Builds the query for the channel's first due delivery, which locks its row until the transaction ends."""
    return (
        select(*COLUMNS, *columns)
        .where(DELIVERIES.c.channel_name == CHANNEL, due)
        .order_by(DELIVERIES.c.due_at, DELIVERIES.c.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=DELIVERIES)
    )


def _any_due(due: ColumnElement[bool]) -> Select[Any]:
    return select(DELIVERIES.c.id).where(DELIVERIES.c.channel_name == CHANNEL, due).limit(1)


_in_flight = DELIVERIES.alias("flying")
IS_BUSY = exists().where(_in_flight.c.channel_name == CHANNEL, in_states(_in_flight, *LEASED)).label("busy")
IS_OPEN = exists().where(CHANNELS.c.name == CHANNEL, MAY_PUBLISH).label("open")
LOCK_CHANNEL = DriverStatement(
    select(CHANNELS.c.name).where(CHANNELS.c.name == CHANNEL).with_for_update(skip_locked=True)
)
READABLE_CHANNEL = select(CHANNELS.c.name).where(CHANNELS.c.name == CHANNEL, MAY_READ)
NEXT_POST = DriverStatement(_next_due(DUE_POST, IS_BUSY, IS_OPEN, quotas.HAS_QUOTAS))
ANY_POST = _any_due(DUE_POST)


@dataclass(frozen=True, slots=True)
class _ReadingKind:
    """Holds one kind of reading from the platform: what is due, and the column that says when."""

    due: ColumnElement[bool]
    column: str

    @property
    def next(self) -> Select[Any]:
        return _next_due(self.due)

    def postpone(self, session: Session, channel: str, now: datetime, until: datetime) -> None:
        statement = update(DELIVERIES).where(DELIVERIES.c.channel_name == CHANNEL, self.due)
        session.connection().execute(statement.values({self.column: until}), {"channel": channel, "now": now})


LOOK_UP = _ReadingKind(DUE_LOOK_UP, "due_at")
READ_BACK = _ReadingKind(DUE_READ_BACK, "verify_at")


def claim(
    database: Database, channel: str, *, owner: str, now: datetime, lease: timedelta, look_first: bool = True
) -> ClaimedDelivery | None:
    """Claims the channel's next due delivery; returns None where there is none.

    Two guards: the conditional update, and a unique index that allows one delivery in flight
    per channel, whatever the code believes. `look_first` False: something is likely to be due, so
    no transaction that only reads comes before the one that takes it.
    """
    if look_first and not _has_any(database, ANY_POST, {"channel": channel, "now": now}):
        return None
    try:
        with database.changing_rows() as rows:
            return claim_within(rows, channel, owner=owner, now=now, lease=lease)
    except (Fenced, IntegrityError):
        return None


def claim_within(
    rows: Connection, channel: str, *, owner: str, now: datetime, lease: timedelta
) -> ClaimedDelivery | None:
    """Claims the channel's next due delivery in a transaction that has begun; it counts once that is on disk.

    One whose stored post can't be read is held, and None returned.

    Raises:
        Fenced, IntegrityError: somebody else was faster; the transaction must be undone.
    """
    row = _next_post(rows, {"channel": channel, "now": now})
    if row is None:
        return None
    try:
        claimed = _claimed(row, fence=row["fence"] + 1, state=State.PREPARING)
    except ValidationError as error:
        # Raised from here, it would keep the whole channel waiting behind this one.
        get_logger("delivery").error("a stored post can't be read", delivery=row["id"], exc_info=error)
        move(
            rows, row["id"], Move(State.PENDING, State.HELD, raise_fence=True), fence=row["fence"], now=now,
            actor=owner, problem=DeliveryProblem.TEXT_UNREADABLE(delivery=row["id"]),
        )  # fmt: skip
        return None
    move(
        rows, row["id"], Move(State.PENDING, State.PREPARING, raise_fence=True), fence=row["fence"], now=now,
        actor=owner, lease_owner=owner, lease_until=now + lease,
    )  # fmt: skip
    return claimed


def _has_any(database: Database, query: Select[Any], parameters: Mapping[str, object]) -> bool:
    """Returns whether a transaction that may write is worth it: on SQLite there is one at a time."""
    with database.asking() as rows:
        return rows.scalar(query, parameters) is not None


def _next_post(rows: Connection, parameters: Mapping[str, object]) -> Mapping[str, Any] | None:
    """Returns the post that is due, unless the channel must wait or another one is in flight."""
    # On PostgreSQL, the statement after this one sees what was committed before. SQLite has one writer.
    if rows.dialect.name == "postgresql" and LOCK_CHANNEL.first(rows, parameters) is None:
        return None
    row = NEXT_POST.first(rows, parameters)
    return None if row is None or row["busy"] or not row["open"] else row


def claim_look_up(database: Database, channel: str, now: datetime) -> ClaimedDelivery | None:
    """Claims the look-up that is due next. Its time moves on at once, so that only one worker has it."""
    return _claim_reading(database, channel, LOOK_UP, now)


def claim_read_back(database: Database, channel: str, now: datetime) -> ClaimedDelivery | None:
    """Claims the published post that is to be read back next."""
    return _claim_reading(database, channel, READ_BACK, now)


def _claim_reading(database: Database, channel: str, reading: _ReadingKind, now: datetime) -> ClaimedDelivery | None:
    parameters = {"channel": channel, "now": now}
    if not _has_any(database, _any_due(reading.due), parameters):
        return None
    with database.writing() as session:
        if wait := quotas.find_used_up_quota(session, channel, quotas.READING_NEEDS, now):
            reading.postpone(session, channel, now, wait.until)
            return None
        connection = session.connection()
        if connection.scalar(READABLE_CHANNEL, parameters) is None:
            return None
        row = connection.execute(reading.next, parameters).mappings().one_or_none()
        if row is None:
            return None
        state, fence = State(row["state"]), row["fence"] + 1
        values = {"fence": fence, reading.column: now + timedelta(seconds=READING_LEASE_SECONDS)}
        try:
            change_columns(session, row["id"], row["fence"], values, (state,))
        except Fenced:
            return None
        return _claimed(dict(row), fence=fence, state=state)


def _claimed(row: Mapping[str, Any], *, fence: int, state: State) -> ClaimedDelivery:
    adapted = AdaptedPost.model_validate(row["adapted"])
    return ClaimedDelivery(
        id=row["id"],
        channel=row["channel_name"],
        fence=fence,
        state=state,
        adapted=adapted,
        seed=KeySeed(token=row["token"], title=adapted.title, created_at=row["scheduled_at"]),
        idempotency_key=row["idempotency_key"],
        preparation=Preparation.model_validate(row["preparation"]),
        expires_at=row["expires_at"],
        tries=row["tries"],
        lookups=row["lookups"],
        clean_lookups=row["clean_lookups"],
        lost_requests=row["lost_requests"],
        reported_public=row["reported_public"],
        unknown_since=row["unknown_since"],
        sent_at=row["sent_at"],
        remote_id=row["remote_id"],
        has_quotas=bool(row.get("has_quotas")),
    )
