"""Changes the state of deliveries. No other module does, but `lifecycle_late_success` and `lifecycle_restore`.

Every move is a conditional update on (id, state, fence) and adds an event. The fence grows
with every new claim, so that a worker that lost its lease can change nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from publisher.core.content import AdaptedPost
from publisher.core.problems import Problem
from publisher.core.states import LEASED, MOVES, SENT, AttemptOutcome, State
from publisher.db.driver_statements import DriverStatement
from publisher.db.history import note_intent
from publisher.db.models import Attempt, Delivery, Event, Pick, Post
from publisher.delivery.problem_codes import PublicPostProblem

DELIVERIES = cast("Table", Delivery.__table__)
ATTEMPTS = cast("Table", Attempt.__table__)
EVENTS = cast("Table", Event.__table__)
_change = update(DELIVERIES).where(DELIVERIES.c.id == bindparam("of_id"), DELIVERIES.c.fence == bindparam("of_fence"))
CHANGE = DriverStatement(_change)
"""Changes a delivery only with its present fence. Like every statement here it is built once: building takes longer
than the database takes to carry it out."""
CHANGE_IN_STATE = DriverStatement(_change.where(DELIVERIES.c.state == bindparam("of_state")))
CHANGE_IN_STATES = _change.where(DELIVERIES.c.state.in_(bindparam("of_states", expanding=True)))
FIND_KEY = DriverStatement(select(DELIVERIES.c.id).where(DELIVERIES.c.idempotency_key == bindparam("key")))
ADD_EVENT = DriverStatement(insert(EVENTS).inline())

ADOPTED = "post adopted"
"""The event that says which post a person made the record of a delivery, and how it differs."""
LATE_LOOK_UPS = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=16), timedelta(hours=48))
"""So long after a delivery has come to rest, and after each other, it is looked up whether it is public after all."""
REPLY_PAUSE = timedelta(seconds=5)
"""A platform needs a moment before a reply can name the post that it answers."""
REPLACEABLE = (State.PENDING, State.HELD, State.FAILED)
"""The states in which a delivery that was never sent may get another text."""
NEVER_TOO_LATE = datetime(9999, 1, 1, tzinfo=UTC)
"""When a reply expires: a thread whose first part is public is completed, whatever the lateness rule says."""


class NotApprovedText(Exception):
    """Says that a delivery was to be given a text that nobody approved; nothing was changed."""


class Fenced(Exception):
    """Says that the delivery is no longer in the expected state and claim; nothing was changed."""


def connection_of(rows: Session | Connection) -> Connection:
    """Returns the connection of a transaction, with the ORM or without."""
    return rows if isinstance(rows, Connection) else rows.connection()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """Holds what a delivery is opened with: what goes to which channel, from when, and until when."""

    pick: Pick
    channel: str
    adapted: AdaptedPost
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """Holds a change of a delivery's state, from any of the states `before`.

    `raise_fence`: whoever had claimed the delivery until now can change nothing more.

    Raises:
        ValueError: the table of moves has no such move.
    """

    before: State | Collection[State]
    to: State
    raise_fence: bool = False

    def __post_init__(self) -> None:
        for source in self.sources:
            if self.to not in MOVES[source]:
                raise ValueError(f"a delivery can't go from {source} to {self.to}")

    @property
    def sources(self) -> tuple[State, ...]:
        return (self.before,) if isinstance(self.before, State) else tuple(self.before)


def open_delivery(
    session: Session, new: NewDelivery, *, now: datetime, held: Problem | None = None, after: Delivery | None = None
) -> Delivery:
    """Opens a delivery of a pick: pending, or held from the start for the problem `held`.

    `after`: the delivery that this one continues as a reply.
    """
    delivery = Delivery(
        pick=new.pick,
        channel_name=new.channel,
        part=after.part + 1 if after else 0,
        state=State.HELD if held else State.PENDING,
        due_at=new.due_at,
        scheduled_at=new.due_at,
        expires_at=new.expires_at,
        # A desk restored from a backup gives a reply the same key once more.
        token=hashlib.sha256(after.token.encode()).hexdigest()[:12] if after else secrets.token_hex(6),
        adapted=new.adapted.model_dump(mode="json"),
        problem=held,
    )
    session.add(delivery)
    session.flush()
    detail = {"channel": delivery.place, **({"problem": held.to_json()} if held else {})}
    _add_event(
        session,
        {"at": now, "name": f"delivery {delivery.state}", "detail": detail},
        post_id=new.pick.post_id,
        delivery_id=delivery.id,
    )
    return delivery


def may_be_replaced(delivery: Delivery) -> bool:
    """Returns whether a delivery could still get another text: nothing was ever sent, nobody has claimed it."""
    return delivery.state in REPLACEABLE and delivery.sent_at is None and delivery.part == 0


def replace_adapted(session: Session, delivery: Delivery, adapted: AdaptedPost, now: datetime, *, version: int) -> bool:
    """Freezes a new adapted post, if nothing was ever sent and nobody has claimed the delivery.

    `version`: of the post, whose text this is. Returns False, and changes nothing, when it is too late, as it always
    is for a reply: what it continues is public.

    Raises:
        NotApprovedText: that version is not the one that was approved.
    """
    of_pick = select(Post.approved_version).join(Pick, Pick.post_id == Post.id).where(Pick.id == delivery.pick_id)
    if session.scalar(of_pick) != version:
        raise NotApprovedText(f"version {version} of the post of delivery {delivery.id} was not approved")
    result = session.execute(
        update(Delivery)
        .where(
            Delivery.id == delivery.id,
            Delivery.fence == delivery.fence,
            Delivery.state.in_(REPLACEABLE),
            Delivery.sent_at.is_(None),
            Delivery.part == 0,
        )
        .values(adapted=adapted.model_dump(mode="json"), fence=Delivery.fence + 1)
    )
    if cast("CursorResult[Any]", result).rowcount != 1:
        return False
    record_delivery_event(session, delivery.id, "delivery adapted again", now=now)
    return True


def move(
    rows: Session | Connection,
    delivery_id: int,
    change: Move,
    *,
    fence: int,
    now: datetime,
    actor: str = "",
    **values: Any,
) -> int:
    """Changes the state of one delivery and returns its fence.

    A move out of the leased states ends the lease. `values` are other columns to set.
    A post that becomes public is continued by its replies where `rows` is a session: a connection is for a post that
    has none.

    Raises:
        Fenced: somebody else has the delivery, or it is in another state.
    """
    sources, to = change.sources, change.to
    if to not in LEASED:
        values |= {"lease_owner": None, "lease_until": None}
    new_fence = fence + 1 if change.raise_fence else fence
    change_columns(rows, delivery_id, fence, {"state": to.value, "fence": new_fence, **values}, sources)
    record_delivery_event(
        rows,
        delivery_id,
        f"delivery {to}",
        now=now,
        actor=actor,
        detail={"before": [*sources] if len(sources) > 1 else sources[0], "fence": new_fence, **_event_columns(values)},
    )
    # A database that has forgotten this would publish what is public already, or what nobody wants. What a worker
    # found out after its intent needs no second note.
    if to in (State.PUBLISHING, State.CANCELED) or (to == State.PUBLISHED and not SENT.issuperset(sources)):
        note_intent(rows, delivery_id)
    if to == State.PUBLISHED and isinstance(rows, Session):
        continue_thread(rows, delivery_id, now, new_post=sources == (State.PUBLISHING,))
    return new_fence


def may_become_public(unknown_since: datetime | None, lost_requests: int) -> bool:
    """Returns whether a request was sent that may still make a post, whatever a person has seen or decided."""
    return unknown_since is not None or lost_requests > 0


def late_look_up_columns(now: datetime, *, at_once: bool = False) -> dict[str, Any]:
    """Returns columns of a delivery that comes to rest, and may become public nevertheless.

    `at_once`: nobody has asked lately, so that it is looked up now, before the usual times.
    """
    return {"verify_at": now, "lookups": -1} if at_once else {"verify_at": now + LATE_LOOK_UPS[0], "lookups": 0}


def change_columns(
    rows: Session | Connection, delivery_id: int, fence: int, values: dict[str, Any], states: tuple[State, ...] = ()
) -> None:
    """Sets columns of a delivery with the expected fence and in one of these states; none given: in any.

    Raises:
        Fenced: it is not; nothing was changed.
    """
    connection, parameters = connection_of(rows), values | {"of_id": delivery_id, "of_fence": fence}
    if len(states) > 1:
        changed = connection.execute(
            CHANGE_IN_STATES, parameters | {"of_states": [state.value for state in states]}
        ).rowcount
    elif states:
        changed = CHANGE_IN_STATE.change(connection, parameters | {"of_state": states[0].value})
    else:
        changed = CHANGE.change(connection, parameters)
    if changed != 1:
        where = f"no longer {' or '.join(states)}" if states else "not"
        raise Fenced(f"delivery {delivery_id} is {where} with fence {fence}")


def look_again(session: Session, delivery_id: int, *, fence: int, state: State, **values: Any) -> None:
    """Leaves the outcome unknown and looks again at `due_at`. Raises Fenced."""
    change_columns(session, delivery_id, fence, values, (state,))


def continue_thread(
    session: Session, delivery_id: int, now: datetime, *, new_post: bool, held: Problem | None = None
) -> None:
    """Opens the delivery of the reply that continues a post which has just become published, if any.

    The answer to our own request names a `new_post`, which nobody can have answered yet. A post
    that was found, or settled by a person, may have its replies already: a desk restored from a
    backup forgot what it sent, a person may have posted them all. Then the reply is looked up first.
    """
    delivery = session.get_one(Delivery, delivery_id, populate_existing=True)
    if not delivery.adapted.get("thread") or delivery.remote_id is None:
        return
    adapted = AdaptedPost.model_validate(delivery.adapted)
    post = delivery.pick.post
    if post is not None and post.state == "withdrawn":
        held = PublicPostProblem.POST_WITHDRAWN()
    try:
        with session.begin_nested():
            reply = open_delivery(
                session,
                NewDelivery(
                    pick=delivery.pick,
                    channel=delivery.channel_name,
                    adapted=adapted.next_part(delivery.remote_id),
                    due_at=now + REPLY_PAUSE,
                    expires_at=NEVER_TOO_LATE,
                ),
                now=now,
                held=held,
                after=delivery,
            )
            if not new_post:
                reply.unknown_since = now
                reply.sent_at = delivery.sent_at or delivery.scheduled_at
    except IntegrityError:
        record_delivery_event(session, delivery_id, "reply opened before", now=now)


def key_is_taken(rows: Session | Connection, key: str) -> bool:
    """Returns whether some delivery has this idempotency key."""
    return FIND_KEY.first(connection_of(rows), {"key": key}) is not None


def next_token(token: str) -> str:
    """Returns the token after one whose key another delivery has. A restored desk comes to the same one."""
    return hashlib.sha256(f"after {token}".encode()).hexdigest()[:12]


def close_lost_attempts(session: Session, delivery_id: int, fence: int, now: datetime) -> None:
    """Closes the attempts of a worker that is gone."""
    session.execute(
        update(Attempt)
        .where(Attempt.delivery_id == delivery_id, Attempt.fence <= fence, Attempt.outcome.is_(None))
        .values(outcome=AttemptOutcome.LOST.value, ended_at=now)
        .execution_options(synchronize_session=False)
    )


def record_event(
    rows: Session | Connection,
    name: str,
    *,
    now: datetime,
    post_id: int | None = None,
    actor: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Adds an event to the history: of a post, or of the outlet where there is none."""
    _add_event(rows, {"at": now, "name": name, "actor": actor, "detail": detail or {}}, post_id=post_id)


def record_delivery_event(
    rows: Session | Connection,
    delivery_id: int,
    name: str,
    *,
    now: datetime,
    actor: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Adds an event of a delivery to the history."""
    _add_event(rows, {"at": now, "name": name, "actor": actor, "detail": detail or {}}, delivery_id=delivery_id)


def _add_event(
    rows: Session | Connection, event: dict[str, Any], *, post_id: int | None = None, delivery_id: int | None = None
) -> None:
    ADD_EVENT.change(connection_of(rows), {"actor": "", **event, "post_id": post_id, "delivery_id": delivery_id})


def _event_columns(values: dict[str, Any]) -> dict[str, Any]:
    """Returns the columns of a move that belong into its event."""
    names = ("problem", "due_at", "remote_url", "lease_owner", "idempotency_key")
    return {name: _event_value(value) for name, value in values.items() if name in names and value}


def _event_value(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Problem():
            return value.to_json()
        case _:
            return value
