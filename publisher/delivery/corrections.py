"""Keeps the corrections of published posts: what a post is to say instead, who takes it, and how it ended.

A delivery has one correction at a time that is not over. What is to be sent is stored before it is sent, a worker takes
it with a lease and a fence, and whatever it does not know is settled by reading the post: a correction is the same
however often it is sent, and names the post that it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, exists, or_, select, update
from sqlalchemy.orm import Session

from publisher.core.content import AdaptedPost
from publisher.core.problems import Problem
from publisher.core.states import WAITING_CORRECTIONS, AttemptOutcome, CorrectionState, State
from publisher.db.corrections import Correction
from publisher.db.models import Attempt, Delivery
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery import quotas
from publisher.delivery.correction_history import failed_but_possible, may_be_replaced, open_correction_of, present_text
from publisher.delivery.problem_codes import CorrectionTrouble
from publisher.lifecycle import Fenced, record_delivery_event

LATE_REQUESTS = timedelta(minutes=15)
"""So long after a request whose answer is not known it may be carried out still: a new text waits for that."""
CORRECTION_ASKED, CORRECTED, CORRECTION_FAILED = "correction asked for", "post corrected", "correction failed"
CORRECTION_UNKNOWN, CORRECTION_REPLACED = "correction unanswered", "correction replaced"


class CorrectionUnderWay(Exception):
    """Says that a correction of the delivery is being sent; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCorrection:
    """Holds what a correction is opened with."""

    after: AdaptedPost
    post_version: int
    actor: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedCorrection:
    """Holds a correction that a worker has taken."""

    id: int
    delivery: int
    channel: str
    remote_id: str
    before: AdaptedPost
    possible: tuple[AdaptedPost, ...]
    """What followers may have in place of `before`, by requests without an answer of corrections that failed."""
    after: AdaptedPost
    fence: int
    tries: int
    """With this one."""
    may_be_late: bool
    """A former request for it has no answer, and may be carried out still."""
    created_at: datetime


def open_correction(session: Session, delivery: Delivery, new: NewCorrection, now: datetime) -> Correction:
    """Stores what a published post is to say instead; a worker carries it. One that nobody has begun is replaced.

    Raises:
        ValueError: the delivery is not published.
        CorrectionUnderWay: another correction of it is being sent.
    """
    if delivery.state != State.PUBLISHED:
        raise ValueError(f"delivery {delivery.id} is {delivery.state}: only a published post is corrected")
    if (waiting := open_correction_of(session, delivery.id)) is not None:
        if not may_be_replaced(waiting):
            raise CorrectionUnderWay(f"correction {waiting.id} of delivery {delivery.id} is under way")
        waiting.state, waiting.ended_at = CorrectionState.REPLACED, now
        record_delivery_event(session, delivery.id, CORRECTION_REPLACED, now=now, actor=new.actor)
        session.flush()
    correction = Correction(
        delivery_id=delivery.id,
        channel_name=delivery.channel_name,
        post_version=new.post_version,
        actor=new.actor[:120],
        note=new.note,
        created_at=now,
        before=present_text(session, delivery).model_dump(mode="json"),
        after=new.after.model_dump(mode="json"),
        due_at=_earliest(session, delivery, now),
    )
    session.add(correction)
    session.flush()
    detail = {"channel": delivery.place, "version": new.post_version, **({"note": new.note} if new.note else {})}
    record_delivery_event(session, delivery.id, CORRECTION_ASKED, now=now, actor=new.actor, detail=detail)
    return correction


def _earliest(session: Session, delivery: Delivery, now: datetime) -> datetime:
    """Returns when a new text may be sent: not while a former request without an answer may be carried out late."""
    lost = select(Correction.lost_at).where(Correction.delivery_id == delivery.id, Correction.lost_at.is_not(None))
    unanswered = select(Attempt.started_at).where(
        Attempt.delivery_id == delivery.id,
        Attempt.kind == "send",
        or_(Attempt.outcome.is_(None), Attempt.outcome != AttemptOutcome.PUBLISHED),
    )
    instants = (
        session.scalar(lost.order_by(Correction.lost_at.desc()).limit(1)),
        session.scalar(unanswered.order_by(Attempt.started_at.desc()).limit(1)),
    )
    return max([now, *(instant + LATE_REQUESTS for instant in instants if instant is not None)])


# --- a worker's part ---------------------------------------------------------------------------------------


def claim_correction(
    database: Database, channel: str, *, owner: str, now: datetime, lease: timedelta
) -> ClaimedCorrection | None:
    """Takes the channel's next due correction; returns None where there is none, or the channel may send nothing.

    The state `sending`, with what is to be sent, is on disk when this returns.
    """
    due = (
        Correction.channel_name == channel,
        Correction.state.in_(WAITING_CORRECTIONS),
        Correction.due_at <= now,
    )
    with database.reading() as session:
        if session.scalar(select(Correction.id).where(*due).limit(1)) is None:
            return None
    with database.writing() as session:
        if not _may_send(session, channel, now):
            return None
        if wait := quotas.find_used_up_quota(session, channel, quotas.READING_NEEDS, now):
            session.execute(
                update(Correction).where(*due).values(due_at=wait.until).execution_options(synchronize_session=False)
            )
            return None
        query = select(Correction).where(*due).order_by(Correction.due_at, Correction.id).limit(1)
        correction = session.scalar(query.with_for_update(skip_locked=True, of=Correction))
        if correction is None:
            return None
        return _take(session, correction, owner=owner, lease_until=now + lease)


def _may_send(session: Session, channel: str, now: datetime) -> bool:
    is_open = (Channel.paused_at.is_(None), or_(Channel.next_publish_at.is_(None), Channel.next_publish_at <= now))
    return bool(session.scalar(select(exists().where(Channel.name == channel, *is_open))))


def _take(session: Session, correction: Correction, *, owner: str, lease_until: datetime) -> ClaimedCorrection:
    before, after = (AdaptedPost.model_validate(post) for post in (correction.before, correction.after))
    correction.state, correction.fence = CorrectionState.SENDING, correction.fence + 1
    correction.tries += 1
    correction.lease_owner, correction.lease_until = owner, lease_until
    return ClaimedCorrection(
        id=correction.id,
        delivery=correction.delivery_id,
        channel=correction.channel_name,
        # A published delivery has one; the table's check says so.
        remote_id=cast("str", correction.delivery.remote_id),
        before=before,
        possible=tuple(
            AdaptedPost.model_validate(failed.after) for failed in failed_but_possible(session, correction.delivery_id)
        ),
        after=after,
        fence=correction.fence,
        tries=correction.tries,
        may_be_late=correction.lost_at is not None,
        created_at=correction.created_at,
    )


def change_correction(session: Session, claimed: ClaimedCorrection, state: CorrectionState, **values: Any) -> None:
    """Ends a worker's try of a correction. Raises Fenced where somebody else has it by now."""
    result = session.execute(
        update(Correction)
        .where(
            Correction.id == claimed.id,
            Correction.fence == claimed.fence,
            Correction.state == CorrectionState.SENDING,
        )
        .values(state=state, lease_owner=None, lease_until=None, **values)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", result).rowcount != 1:
        raise Fenced(f"correction {claimed.id} is no longer sent with fence {claimed.fence}")


def record_done(session: Session, claimed: ClaimedCorrection, now: datetime, *, read_at: datetime) -> None:
    """Records that followers have the corrected post. `read_at`: when the post is read back. Raises Fenced."""
    change_correction(session, claimed, CorrectionState.DONE, ended_at=now, problem=None)
    delivery = session.get_one(Delivery, claimed.delivery)
    delivery.verify_at = read_at
    record_delivery_event(session, claimed.delivery, CORRECTED, now=now)


def record_failed(
    session: Session, claimed: ClaimedCorrection, problem: Problem, now: datetime, *, lost_at: datetime | None = None
) -> None:
    """Records that a correction is given up. `lost_at`: when its last request had no answer. Raises Fenced.

    Where a request had no answer, the post is read once more when it can act no longer.
    """
    lost = {} if lost_at is None else {"lost_at": lost_at}
    change_correction(session, claimed, CorrectionState.FAILED, ended_at=now, problem=problem, **lost)
    if lost or claimed.may_be_late:
        session.get_one(Delivery, claimed.delivery).verify_at = now + LATE_REQUESTS
    detail = {"problem": problem.to_json()}
    record_delivery_event(session, claimed.delivery, CORRECTION_FAILED, now=now, detail=detail)


def record_found(session: Session, correction_id: int, now: datetime) -> None:
    """Records that followers have a correction that had failed: its request was carried out after all."""
    found = session.get_one(Correction, correction_id)
    if found.state == CorrectionState.FAILED:
        found.state, found.problem, found.ended_at = CorrectionState.DONE, None, now
        record_delivery_event(session, found.delivery_id, CORRECTED, now=now)


def fail_corrections(database: Database, configured: Collection[str], now: datetime) -> None:
    """Ends what waits for channels that are not configured: no worker would ever come to it."""
    waits = (Correction.channel_name.not_in(configured), Correction.state.in_(WAITING_CORRECTIONS))
    with database.reading() as session:
        if session.scalar(select(Correction.id).where(*waits).limit(1)) is None:
            return
    with database.writing() as session:
        for correction in session.scalars(select(Correction).where(*waits).with_for_update(of=Correction)):
            problem = CorrectionTrouble.CORRECTING_WITHOUT_CHANNEL(channel=correction.channel_name)
            correction.state, correction.ended_at, correction.problem = CorrectionState.FAILED, now, problem
            detail = {"problem": problem.to_json()}
            record_delivery_event(session, correction.delivery_id, CORRECTION_FAILED, now=now, detail=detail)


def record_unknown(
    session: Session, claimed: ClaimedCorrection, problem: Problem, now: datetime, *, due_at: datetime
) -> None:
    """Records that it is not known what became of a request; the post is read at `due_at`. Raises Fenced."""
    change_correction(session, claimed, CorrectionState.UNKNOWN, lost_at=now, problem=problem, due_at=due_at)
    detail = {"problem": problem.to_json()}
    record_delivery_event(session, claimed.delivery, CORRECTION_UNKNOWN, now=now, detail=detail)


def recover_lost_corrections(database: Database, now: datetime, is_gone: Callable[[str], bool]) -> list[int]:
    """Takes corrections back from workers that lost their lease or are gone: the post is read, then sent if need be."""
    with database.reading() as session:
        sending = list(session.scalars(select(Correction).where(Correction.state == CorrectionState.SENDING)))
    lost = [
        correction
        for correction in sending
        if (correction.lease_until and correction.lease_until <= now) or is_gone(correction.lease_owner or "")
    ]
    return [correction.delivery_id for correction in lost if _take_back(database, correction, now)]


def _take_back(database: Database, correction: Correction, now: datetime) -> bool:
    problem = CorrectionTrouble.CORRECTING_WORKER_LOST()
    with database.writing() as session:
        values: dict[str, Any] = {"lease_owner": None, "lease_until": None, "lost_at": now, "due_at": now}
        result = session.execute(
            update(Correction)
            .where(
                Correction.id == correction.id,
                Correction.fence == correction.fence,
                Correction.state == CorrectionState.SENDING,
            )
            .values(state=CorrectionState.UNKNOWN, fence=Correction.fence + 1, problem=problem, **values)
            .execution_options(synchronize_session=False)
        )
        if cast("CursorResult[Any]", result).rowcount != 1:
            return False
        detail = {"problem": problem.to_json()}
        record_delivery_event(session, correction.delivery_id, CORRECTION_UNKNOWN, now=now, detail=detail)
        return True
