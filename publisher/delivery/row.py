"""Holds what every face shows of a delivery, of an attempt and of an event: the same fields under the same names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.messages import Message, _
from publisher.core.problems import Problem
from publisher.core.states import LOOKED_UP, WAITING, CorrectionState, State
from publisher.db.corrections import Correction
from publisher.db.models import Attempt, Delivery, Event
from publisher.db.operations import Channel
from publisher.db.problem_column import read_recorded
from publisher.delivery.budget import MICROS


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """Holds one pick going to one channel, or one reply that continues it."""

    id: int
    version: str
    """Changes with the state and with every claim."""
    day: date
    """The slot that its post was picked for."""
    channel: str
    part: int
    """1: the post. From 2: the replies that continue it, in order."""
    state: State
    post_id: int | None
    title: str
    language: str
    """The language of its text."""
    scheduled_at: datetime
    expires_at: datetime
    published_at: datetime | None
    next_try_at: datetime | None
    """When it is looked at next. None: it doesn't wait for the clock."""
    url: str | None
    remote_id: str | None
    idempotency_key: str | None
    may_be_public: bool
    """The outcome of a request is unknown: trying again could post it twice."""
    problem: Problem | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Makes the row of a delivery whose pick and channel are loaded."""
        return cls(
            id=delivery.id,
            version=version_of(delivery),
            day=delivery.pick.slot,
            channel=delivery.channel_name,
            part=delivery.part + 1,
            state=State(delivery.state),
            post_id=delivery.pick.post_id,
            title=str(delivery.adapted.get("title", "")),
            language=str(delivery.adapted.get("language", "")),
            scheduled_at=delivery.scheduled_at,
            expires_at=delivery.expires_at,
            published_at=delivery.shown_since,
            next_try_at=next_try(delivery, delivery.channel),
            url=delivery.remote_url,
            remote_id=delivery.remote_id,
            idempotency_key=delivery.idempotency_key,
            may_be_public=delivery.unknown_since is not None,
            problem=delivery.problem,
        )

    @property
    def place(self) -> Message:
        """Returns the channel, and which part of a thread it is: `x`, then `x, part 2`."""
        return _place(self.channel, self.part)

    def to_json(self) -> dict[str, Any]:
        """Returns the row for programs, with the problem's text for the present reader."""
        return _fields_to_json(self)

    def to_columns(self) -> dict[str, Any]:
        """Returns the row for a table, whose cells are plain values: those of `COLUMNS`."""
        values = self.to_json()
        problem = values.pop("problem") or {}
        return {**values, "problem_code": problem.get("code"), "problem_message": problem.get("message")}


def place_of(delivery: Delivery) -> Message:
    """Returns the channel of a delivery, and which part of a thread it is, for people."""
    return _place(delivery.channel_name, delivery.part + 1)


def places_of(session: Session, events: Iterable[Event]) -> dict[int, Message]:
    """Returns the places of the deliveries that events are about, by the deliveries' ids."""
    ids = {event.delivery_id for event in events if event.delivery_id is not None}
    rows = session.execute(select(Delivery.id, Delivery.channel_name, Delivery.part).where(Delivery.id.in_(ids)))
    return {delivery_id: _place(channel, part + 1) for delivery_id, channel, part in rows}


def _place(channel: str, part: int) -> Message:
    if part == 1:
        # Nothing in it is translated.
        return Message("{channel}", {"channel": channel})
    return _("{channel}, part {part}", channel=channel, part=part)


COLUMNS = (
    *(field.name for field in fields(DeliveryRow) if field.name != "problem"),
    "problem_code",
    "problem_message",
)


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """Holds one try at a delivery: a send, a look-up or a read-back."""

    kind: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    """None while it runs."""
    status: int | None
    """The platform's HTTP status."""
    request_id: str | None
    detail: str
    """What the platform answered."""
    problem: Problem | None
    worker: str
    fence: int
    cost_usd: float

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        return cls(
            kind=attempt.kind,
            started_at=attempt.started_at,
            ended_at=attempt.ended_at,
            outcome=attempt.outcome,
            status=attempt.status,
            request_id=attempt.request_id,
            detail=attempt.detail,
            problem=attempt.problem,
            worker=attempt.worker,
            fence=attempt.fence,
            cost_usd=attempt.cost_micros / MICROS,
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the attempt for programs, with the problem's text for the present reader."""
        return _fields_to_json(self)


@dataclass(frozen=True, slots=True)
class EventRow:
    """Holds what happened to a delivery: a change of its state, or an act of a person."""

    at: datetime
    name: str
    actor: str
    problem: Problem | None
    detail: Mapping[str, Any]
    """What else is known about it."""

    @classmethod
    def of(cls, event: Event) -> Self:
        detail = {name: value for name, value in event.detail.items() if name != "problem"}
        return cls(event.at, event.name, event.actor, read_recorded(event.detail.get("problem")), detail)

    def to_json(self) -> dict[str, Any]:
        """Returns the event for programs, with the problem's text for the present reader."""
        return _fields_to_json(self)


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """Holds a correction of a published post."""

    id: int
    state: CorrectionState
    post_version: int
    """The version of the post that it was made from."""
    actor: str
    note: str
    """Why, in the words of who decided it."""
    created_at: datetime
    ended_at: datetime | None
    """None: it is not over."""
    problem: Problem | None
    after: Mapping[str, Any]
    """The `AdaptedPost` that followers are to have."""

    @classmethod
    def of(cls, correction: Correction) -> Self:
        return cls(
            id=correction.id,
            state=CorrectionState(correction.state),
            post_version=correction.post_version,
            actor=correction.actor,
            note=correction.note,
            created_at=correction.created_at,
            ended_at=correction.ended_at,
            problem=correction.problem,
            after=correction.after,
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the correction for programs, with the problem's text for the present reader."""
        return _fields_to_json(self)


def problem_to_json(problem: Problem | None) -> dict[str, Any] | None:
    """Returns a problem for programs: its code, parameters and remedy, and its text for the present reader."""
    return None if problem is None else problem.to_json_with_text()


def _fields_to_json(row: DeliveryRow | AttemptRow | EventRow | CorrectionRow) -> dict[str, Any]:
    return {field.name: _value_to_json(getattr(row, field.name)) for field in fields(row)}


def _value_to_json(value: Any) -> Any:
    if isinstance(value, Problem):
        return problem_to_json(value)
    return value.isoformat() if isinstance(value, date) else value


def version_of(delivery: Delivery) -> str:
    """Returns a version that changes whenever the delivery's state or claim changes."""
    return f"{delivery.state}.{delivery.fence}"


def next_try(delivery: Delivery, channel: Channel) -> datetime | None:
    """Returns when a delivery is looked at next; None when that is up to a person."""
    if delivery.state not in WAITING:
        return None
    if channel.paused_at is not None:
        reads_on = delivery.state in LOOKED_UP and channel.paused_by
        return delivery.due_at if reads_on else None
    if delivery.state != State.PENDING or channel.next_publish_at is None:
        return delivery.due_at
    return max(delivery.due_at, channel.next_publish_at)
