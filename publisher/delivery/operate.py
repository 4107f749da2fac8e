"""Lets a person retry or cancel a delivery, and pause or resume a channel (for adoption see `adopt`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from publisher.core.characters import clean_line
from publisher.core.states import BY_HAND, LOOKED_UP, MOVES, State
from publisher.db.models import Attempt, Delivery, Pick, Post
from publisher.db.operations import Channel, Quota
from publisher.db.session import Database
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.problem_codes import ActProblem, ChannelProblem
from publisher.delivery.row import version_of
from publisher.lifecycle import Fenced, Move, late_look_up_columns, may_become_public, move, next_token, record_event

RETRY_WINDOW = timedelta(hours=12)
"""A delivery that a person lets out late may take this long."""
MAX_REASON_LENGTH = 300
"""Characters of the reason for a pause."""
LOOK_UP_WAIT = timedelta(hours=1)
"""A look-up that is put off for longer was put off by the platform, and not by our own pace."""
ADOPTABLE = (*BY_HAND, State.PENDING, *LOOKED_UP)
CANCELABLE = (*BY_HAND, State.PENDING, *LOOKED_UP)


@dataclass(frozen=True, slots=True)
class ResumeResult:
    """Says what a resume has ended."""

    was_paused: bool
    waited_until: datetime | None = None
    """Until when the channel, or the last of its deliveries, would have waited. None: nothing waited."""

    @property
    def did_something(self) -> bool:
        return self.was_paused or self.waited_until is not None


def retry(
    database: Database, delivery_id: int, *, now: datetime, actor: str, i_have_looked: bool = False, seen: str = ""
) -> None:
    """Lets a delivery that waits for a person try again. `seen`: the version that the person decided upon.

    Raises:
        Refused: it isn't waiting for a person, its post was withdrawn, it may already be public, or it changed since it
            was `seen`.
    """
    with database.writing() as session:
        delivery = get_delivery(session, delivery_id, seen)
        require_move(delivery, State.PENDING, BY_HAND)
        _refuse_withdrawn(session, delivery)
        if delivery.unknown_since is not None and not i_have_looked:
            raise ActRefused(ActProblem.MAY_BE_PUBLIC, delivery=delivery_id, platform=platform_label(delivery))
        move_by_hand(
            session, delivery, State.PENDING, now, actor, due_at=now, unknown_since=None, tries=0, problem=None,
            expires_at=max(delivery.expires_at, now + RETRY_WINDOW), lookups=0, clean_lookups=0,
            lost_workers=0, verify_at=None, **_after_retry(delivery),
        )  # fmt: skip


def _refuse_withdrawn(session: Session, delivery: Delivery) -> None:
    """Refuses to send what was withdrawn. The post stays locked, so that nobody withdraws it meanwhile."""
    of_delivery = select(Post.state).join(Pick, Pick.post_id == Post.id).where(Pick.id == delivery.pick_id)
    if session.scalar(of_delivery.with_for_update(of=Post)) == "withdrawn":
        raise ActRefused(ActProblem.POST_WITHDRAWN, delivery=delivery.id)


def cancel(database: Database, delivery_id: int, *, now: datetime, actor: str, seen: str = "") -> bool:
    """Gives a delivery up. Returns whether it may be public nevertheless.

    Raises:
        Refused: a worker has it, it is public, or it changed since it was `seen`.
    """
    with database.writing() as session:
        delivery = get_delivery(session, delivery_id, seen)
        require_move(delivery, State.CANCELED, CANCELABLE)
        may_be_public = may_become_public(delivery.unknown_since, delivery.lost_requests)
        tried = session.scalar(select(Attempt.id).where(Attempt.delivery_id == delivery_id).limit(1)) is not None
        # It may come late, or a draft of it is left on the platform.
        later = late_look_up_columns(now) if tried or delivery.lost_workers or may_be_public else {"verify_at": None}
        move_by_hand(session, delivery, State.CANCELED, now, actor, problem=None, **later)
        return may_be_public


def _after_retry(delivery: Delivery) -> dict[str, Any]:
    """Returns the columns of a delivery that goes out again: what is left of its former requests.

    A request whose answer was lost may still be carried out late. It goes on counting as lost, so that a second copy
    is looked for; and the same key keeps a platform that knows it from making one. Where the platform has said that
    a post has this key, the former request was carried out, and can't be so a second time: it refuses the key for
    ever. A person has looked, and the post is gone: then another token makes a fresh key.
    """
    if delivery.unknown_since is not None and delivery.reported_public:
        return {"lost_requests": 0, "token": next_token(delivery.token), "idempotency_key": None}
    return {"lost_requests": 1 if may_become_public(delivery.unknown_since, delivery.lost_requests) else 0}


def pause(database: Database, channel: str, reason: str, *, now: datetime, actor: str) -> None:
    """Has a channel publish nothing until a person resumes it. What is being sent now goes on.

    Raises:
        Refused: there is no reason, or the channel is paused already.
    """
    pause_reason = clean_line(reason)[:MAX_REASON_LENGTH]
    if not pause_reason:
        raise ActRefused(ActProblem.NO_PAUSE_REASON)
    with database.writing() as session:
        row = _channel(session, channel)
        if row.paused_at is not None:
            raise ActRefused(ActProblem.ALREADY_PAUSED, channel=channel)
        row.paused_at, row.paused_by = now, actor
        row.pause_problem = ChannelProblem.PAUSED_BY_PERSON(reason=pause_reason)
        detail = {"channel": channel, "reason": pause_reason}
        record_event(session, "channel paused", now=now, actor=actor, detail=detail)


def resume(database: Database, channel: str, *, now: datetime, actor: str) -> ResumeResult:
    """Lets a channel publish again: ends its pause, and whatever its platform told it to wait for.

    What was not due before stays as it is, and so do money limits. A platform that still wants it
    to wait says so again at the next request, and nothing is published then.
    """
    with database.writing() as session:
        row = _channel(session, channel)
        resumed = ResumeResult(row.paused_at is not None, _end_waits(session, row, now))
        if resumed.did_something:
            _unpause(session, row, now, actor, resumed.waited_until)
        return resumed


def resume_after_refusal(database: Database, channel: str, *, now: datetime, actor: str) -> bool:
    """Ends a pause that the desk made because the platform refused the account; False: there was none.

    A channel that a person paused stays so.
    """
    with database.writing() as session:
        row = _channel(session, channel)
        if row.paused_at is None or row.paused_by:
            return False
        _unpause(session, row, now, actor, None)
        return True


def note_connected(database: Database, channel: str, account: str, *, now: datetime, actor: str) -> None:
    """Records who connected a channel, and as which account."""
    with database.writing() as session:
        detail = {"channel": channel, "account": account}
        record_event(session, "channel connected", now=now, actor=actor, detail=detail)


def _unpause(session: Session, row: Channel, now: datetime, actor: str, waited_until: datetime | None) -> None:
    row.paused_at, row.pause_problem, row.paused_by = None, None, ""
    detail = {"waited_until": waited_until.isoformat()} if waited_until else {}
    record_event(session, "channel resumed", now=now, actor=actor, detail={"channel": row.name, **detail})


def _end_waits(session: Session, row: Channel, now: datetime) -> datetime | None:
    """Ends every wait of a channel. Returns until when the longest would have lasted; None: nothing waited."""
    waits = [] if row.next_publish_at is None else [row.next_publish_at]
    row.next_publish_at = None
    used_up = (Quota.channel_name == row.name, Quota.remaining == 0, Quota.resets_at > now)
    waits += session.scalars(select(Quota.resets_at).where(*used_up))
    # The next answer names the quota again.
    session.execute(delete(Quota).where(*used_up))
    of_channel = Delivery.channel_name == row.name
    put_off = (
        of_channel,
        Delivery.state == State.PENDING,
        Delivery.due_at > now,
        Delivery.due_at > Delivery.scheduled_at,
    )
    looked_up_late = (
        of_channel,
        Delivery.state.in_(LOOKED_UP),
        Delivery.due_at > now + LOOK_UP_WAIT,
    )
    for late, at in (
        (put_off, case((Delivery.scheduled_at > now, Delivery.scheduled_at), else_=now)),
        (looked_up_late, now),
    ):
        waits += session.scalars(select(Delivery.due_at).where(*late))
        session.execute(update(Delivery).where(*late).values(due_at=at).execution_options(synchronize_session=False))
    return max((until for until in waits if until > now), default=None)


def _channel(session: Session, name: str) -> Channel:
    row = session.get(Channel, name)
    if row is None:
        raise ActRefused(ActProblem.NO_CHANNEL, channel=name)
    return row


def platform_label(delivery: Delivery) -> str:
    """Returns the platform's name for a sentence."""
    return str(delivery.adapted.get("platform") or delivery.channel_name).capitalize()


def get_delivery(session: Session, delivery_id: int, seen: str = "") -> Delivery:
    """Returns a delivery. Raises Refused when there is none, or it is not the version that was `seen`."""
    delivery = session.get(Delivery, delivery_id)
    if delivery is None:
        raise ActRefused(ActProblem.NO_DELIVERY, delivery=delivery_id)
    if seen and version_of(delivery) != seen:
        raise ActRefused(ActProblem.CHANGED_MEANWHILE, delivery=delivery_id, state=delivery.state)
    return delivery


def require_move(delivery: Delivery, to: State, before: tuple[State, ...]) -> None:
    """Raises Refused unless the delivery is in one of the states `before`, from which it may go `to` another."""
    state = State(delivery.state)
    if state in before and to in MOVES[state]:
        return
    reason = {
        State.PUBLISHED: ActProblem.ALREADY_PUBLISHED,
        State.CANCELED: ActProblem.ALREADY_CANCELED,
        State.PENDING: ActProblem.ALREADY_WAITING,
        State.UNCONFIRMED: ActProblem.BEING_LOOKED_UP,
    }.get(state, ActProblem.BEING_SENT)
    raise ActRefused(
        reason, delivery=delivery.id, post=delivery.remote_url or delivery.remote_id, channel=delivery.channel_name,
        platform=platform_label(delivery),
    )  # fmt: skip


def move_by_hand(session: Session, delivery: Delivery, to: State, now: datetime, actor: str, **values: Any) -> None:
    """Moves a delivery as a person decided, and takes it from whoever has claimed it. Raises Refused."""
    try:
        move(
            session, delivery.id, Move(State(delivery.state), to, raise_fence=True), fence=delivery.fence, now=now,
            actor=actor, **values,
        )  # fmt: skip
    except Fenced:
        raise ActRefused(ActProblem.CHANGED_MEANWHILE, delivery=delivery.id, state=delivery.state) from None
