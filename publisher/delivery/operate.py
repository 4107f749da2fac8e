"""What a person may do to a delivery: retry, settle by its link, cancel; and pause or resume a channel."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from publisher.db.models import Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.lifecycle import Fenced, move, record_event
from publisher.states import MOVES, State

RETRY_WINDOW = timedelta(hours=12)
"""A delivery that a person lets out late may take this long."""
LONGEST_REASON = 300
"""Characters of the reason for a pause."""
BY_HAND = (State.HELD, State.FAILED, State.MISSED)


class Refused(Exception):
    """The act isn't possible, or would risk a second copy; the message is one sentence."""


class NoLink(Refused):
    """What was given as the post's link is none."""


class Changed(Refused):
    """The delivery isn't any more what the person saw when they decided what to do."""


def version_of(delivery: Delivery) -> str:
    """Changes whenever the delivery changes its state or its hands."""
    return f"{delivery.state}.{delivery.fence}"


def retry(
    database: Database, delivery_id: int, *, now: datetime, actor: str, i_have_looked: bool = False, seen: str = ""
) -> None:
    """Let a delivery that waits for a person try again. `seen`: the version that the person decided upon.

    Raises:
        Refused: it isn't waiting for a person, may already be public, or changed since it was `seen`.
    """
    with database.writing() as session:
        delivery = _get(session, delivery_id, seen)
        _require(delivery, State.PENDING, BY_HAND, "retry")
        if delivery.unknown_since is not None and not i_have_looked:
            raise Refused(
                f"Delivery {delivery_id} may already be public, and a retry could post it twice: look on the platform, "
                "then settle it with its link, or retry with --i-have-looked."
            )
        _move(
            session, delivery, State.PENDING, now, actor, due_at=now, unknown_since=None, tries=0, problem="",
            expires_at=max(delivery.expires_at, now + RETRY_WINDOW), lookups=0, clean_lookups=0, lost_requests=0,
            lost_workers=0,
        )  # fmt: skip


def settle(database: Database, delivery_id: int, url: str, *, now: datetime, actor: str) -> None:
    """Record that the post is public at `url`: found by a person.

    Raises:
        Refused: the link is no link, or the delivery can't be settled.
    """
    _record(database, delivery_id, url, (*BY_HAND, State.UNCONFIRMED, State.PROCESSING), "settle", now, actor)


def adopt(database: Database, delivery_id: int, url: str, *, now: datetime, actor: str, seen: str = "") -> None:
    """Make what somebody posted by hand the delivery's record, also while it still waits to go out.

    Raises:
        Refused: the link is no link, a worker has the delivery just now, or it changed since it was `seen`.
    """
    before = (*BY_HAND, State.PENDING, State.UNCONFIRMED, State.PROCESSING)
    _record(database, delivery_id, url, before, "adopt", now, actor, seen)


def _record(
    database: Database,
    delivery_id: int,
    url: str,
    before: tuple[State, ...],
    act: str,
    now: datetime,
    actor: str,
    seen: str = "",
) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.strip("/"):
        raise NoLink(f"{url!r} is no link to a post; give the whole address, such as https://x.com/name/status/123")
    with database.writing() as session:
        delivery = _get(session, delivery_id, seen)
        if delivery.state == State.PENDING and act == "settle":
            raise Refused(f"Delivery {delivery_id} is still waiting to go out; adopt what was posted by hand instead.")
        _require(delivery, State.PUBLISHED, before, act)
        _move(
            session, delivery, State.PUBLISHED, now, actor, remote_id=_id_in(parts.path), remote_url=url,
            published_at=now, unknown_since=None, problem="",
        )  # fmt: skip


def cancel(database: Database, delivery_id: int, *, now: datetime, actor: str, seen: str = "") -> None:
    """Give a delivery up. Raises Refused when a worker has it, it is public, or it changed since it was `seen`."""
    with database.writing() as session:
        delivery = _get(session, delivery_id, seen)
        _require(delivery, State.CANCELED, (*BY_HAND, State.PENDING, State.UNCONFIRMED), "cancel")
        _move(session, delivery, State.CANCELED, now, actor, problem="")


def pause(database: Database, channel: str, reason: str, *, now: datetime, actor: str) -> None:
    """Have a channel publish nothing until a person resumes it. What is being sent just now goes on.

    Raises:
        Refused: there is no reason, or the channel is paused already.
    """
    told = " ".join(reason.split())[:LONGEST_REASON]
    if not told:
        raise Refused("Say why the channel is paused: whoever finds it so must know whether it may go on.")
    with database.writing() as session:
        row = _channel(session, channel)
        if row.paused_at is not None:
            raise Refused(f"The channel {channel} is paused already.")
        row.paused_at, row.pause_reason, row.paused_by = now, told, actor
        detail = {"channel": channel, "reason": told}
        record_event(session, "channel paused", now=now, actor=actor, detail=detail)


def resume(database: Database, channel: str, *, now: datetime, actor: str, by_hand_too: bool = True) -> bool:
    """Let a paused channel publish again. Returns False when it was not paused.

    `by_hand_too` False: one that a person paused stays so, and False is returned.
    """
    with database.writing() as session:
        row = _channel(session, channel)
        if row.paused_at is None or (row.paused_by and not by_hand_too):
            return False
        row.paused_at, row.pause_reason, row.paused_by = None, "", ""
        record_event(session, "channel resumed", now=now, actor=actor, detail={"channel": channel})
        return True


def note_connected(database: Database, channel: str, account: str, *, now: datetime, actor: str) -> None:
    """Record who connected a channel, and as which account."""
    with database.writing() as session:
        detail = {"channel": channel, "account": account}
        record_event(session, "channel connected", now=now, actor=actor, detail=detail)


def _channel(session: Session, name: str) -> Channel:
    row = session.get(Channel, name)
    if row is None:
        raise Refused(f"There is no channel {name!r}.")
    return row


def _get(session: Session, delivery_id: int, seen: str = "") -> Delivery:
    delivery = session.get(Delivery, delivery_id)
    if delivery is None:
        raise Refused(f"There is no delivery {delivery_id}; `publisher deliveries` lists them.")
    if seen and version_of(delivery) != seen:
        raise Changed(f"Delivery {delivery_id} is {delivery.state} and has changed since you looked; look at it again.")
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
        raise Changed(f"Delivery {delivery.id} has just changed; look at it again.") from None


def _id_in(path: str) -> str:
    """The post's id in the path of its address: its last number, else its last part."""
    segments = [segment for segment in path.split("/") if segment]
    numbers = [segment for segment in segments if segment.isdigit()]
    return (numbers or segments)[-1][:120]
