"""What a person may do to a delivery: retry, settle by its link, cancel; and resume a channel."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from publisher.db.models import Channel, Delivery
from publisher.db.session import Database
from publisher.lifecycle import Fenced, move, record_event
from publisher.states import MOVES, State

RETRY_WINDOW = timedelta(hours=12)
"""A delivery that a person lets out late may take this long."""
BY_HAND = (State.HELD, State.FAILED, State.MISSED)


class Refused(Exception):
    """The act isn't possible, or would risk a second copy; the message is one sentence."""


def retry(database: Database, delivery_id: int, *, now: datetime, actor: str, i_have_looked: bool = False) -> None:
    """Let a delivery that waits for a person try again.

    Raises:
        Refused: it isn't waiting for a person, or may already be public.
    """
    with database.writing() as session:
        delivery = _get(session, delivery_id)
        _require(delivery, State.PENDING, BY_HAND, "retry")
        if delivery.unknown_since is not None and not i_have_looked:
            raise Refused(
                f"Delivery {delivery_id} may already be public, and a retry could post it twice: look on the platform, "
                "then settle it with its link, or retry with --i-have-looked."
            )
        _move(
            session, delivery, State.PENDING, now, actor, due_at=now, unknown_since=None, tries=0, problem="",
            expires_at=max(delivery.expires_at, now + RETRY_WINDOW), lookups=0, clean_lookups=0, lost_requests=0,
        )  # fmt: skip


def settle(database: Database, delivery_id: int, url: str, *, now: datetime, actor: str) -> None:
    """Record that the post is public at `url`: found by a person.

    Raises:
        Refused: the link is no link, or the delivery can't be settled.
    """
    _record(database, delivery_id, url, (*BY_HAND, State.UNCONFIRMED, State.PROCESSING), "settle", now, actor)


def adopt(database: Database, delivery_id: int, url: str, *, now: datetime, actor: str) -> None:
    """Make what somebody posted by hand the delivery's record, also while it still waits to go out.

    Raises:
        Refused: the link is no link, or a worker has the delivery just now.
    """
    before = (*BY_HAND, State.PENDING, State.UNCONFIRMED, State.PROCESSING)
    _record(database, delivery_id, url, before, "adopt", now, actor)


def _record(
    database: Database, delivery_id: int, url: str, before: tuple[State, ...], act: str, now: datetime, actor: str
) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.strip("/"):
        raise Refused(f"{url!r} is no link to a post; give the whole address, such as https://x.com/name/status/123")
    with database.writing() as session:
        delivery = _get(session, delivery_id)
        if delivery.state == State.PENDING and act == "settle":
            raise Refused(f"Delivery {delivery_id} is still waiting to go out; adopt what was posted by hand instead.")
        _require(delivery, State.PUBLISHED, before, act)
        _move(
            session, delivery, State.PUBLISHED, now, actor, remote_id=_id_in(parts.path), remote_url=url,
            published_at=now, unknown_since=None, problem="",
        )  # fmt: skip


def cancel(database: Database, delivery_id: int, *, now: datetime, actor: str) -> None:
    """Give a delivery up. Raises Refused when a worker has it or it is public."""
    with database.writing() as session:
        delivery = _get(session, delivery_id)
        _require(delivery, State.CANCELED, (*BY_HAND, State.PENDING, State.UNCONFIRMED), "cancel")
        _move(session, delivery, State.CANCELED, now, actor, problem="")


def resume(database: Database, channel: str, *, now: datetime, actor: str) -> bool:
    """Let a paused channel publish again. Returns False when it was not paused."""
    with database.writing() as session:
        row = session.get(Channel, channel)
        if row is None:
            raise Refused(f"There is no channel {channel!r}.")
        if row.paused_at is None:
            return False
        row.paused_at = None
        row.pause_reason = ""
        record_event(session, "channel resumed", now=now, actor=actor, detail={"channel": channel})
        return True


def _get(session: Session, delivery_id: int) -> Delivery:
    delivery = session.get(Delivery, delivery_id)
    if delivery is None:
        raise Refused(f"There is no delivery {delivery_id}; `publisher deliveries` lists them.")
    return delivery


def _require(delivery: Delivery, to: State, before: tuple[State, ...], act: str) -> None:
    state = State(delivery.state)
    if state in before and to in MOVES[state]:
        return
    where = f" at {delivery.remote_url}" if delivery.remote_url else ""
    told = {
        State.PUBLISHED: f"is published{where}; there is nothing to {act}",
        State.CANCELED: f"was canceled; there is nothing to {act}",
        State.PENDING: "is waiting to go out",
        State.UNCONFIRMED: f"is being looked up on the platform; wait for the answer, then {act} it",
        State.PROCESSING: f"is being worked on by the platform; wait, then {act} it",
    }.get(state, f"is in a worker's hands just now; wait a minute, then {act} it")
    raise Refused(f"Delivery {delivery.id} {told}.")


def _move(session: Session, delivery: Delivery, to: State, now: datetime, actor: str, **values: object) -> None:
    try:
        move(
            session, delivery.id, fence=delivery.fence, before=State(delivery.state), to=to, now=now, actor=actor,
            new_hands=True, **values,
        )  # fmt: skip
    except Fenced:
        raise Refused(f"Delivery {delivery.id} has just changed; look at it again.") from None


def _id_in(path: str) -> str:
    """The post's id in the path of its address: its last number, else its last part."""
    segments = [segment for segment in path.split("/") if segment]
    numbers = [segment for segment in segments if segment.isdigit()]
    return (numbers or segments)[-1][:120]
