"""Reads which corrections a published post has had, and what followers have of it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.core.content import AdaptedPost
from publisher.core.states import OPEN_CORRECTIONS, CorrectionState
from publisher.db.corrections import Correction
from publisher.db.models import Delivery, Pick

MAX_POSSIBLE = 3
"""Failed corrections whose texts are compared with what the platform shows."""


def present_text(session: Session, delivery: Delivery) -> AdaptedPost:
    """Returns what followers have of a published delivery: what was sent, or what it was corrected to."""
    done = last_done(session, delivery.id)
    return AdaptedPost.model_validate(done.after if done else delivery.adapted)


def last_done(session: Session, delivery_id: int) -> Correction | None:
    """Returns the correction that was carried out last; None when there was none."""
    query = select(Correction).where(Correction.delivery_id == delivery_id, Correction.state == CorrectionState.DONE)
    return session.scalar(query.order_by(Correction.id.desc()).limit(1))


def failed_but_possible(session: Session, delivery_id: int) -> Sequence[Correction]:
    """Returns the corrections that failed since the last one was done, and may be public all the same; newest first.

    They had a request whose answer is not known.
    """
    done = last_done(session, delivery_id)
    query = select(Correction).where(
        Correction.delivery_id == delivery_id,
        Correction.state == CorrectionState.FAILED,
        Correction.lost_at.is_not(None),
        Correction.id > (done.id if done else 0),
    )
    return session.scalars(query.order_by(Correction.id.desc()).limit(MAX_POSSIBLE)).all()


def open_correction_of(session: Session, delivery_id: int) -> Correction | None:
    """Returns the correction of a delivery that is not over; None when there is none."""
    query = select(Correction).where(Correction.delivery_id == delivery_id, Correction.state.in_(OPEN_CORRECTIONS))
    return session.scalar(query)


def corrections_of(session: Session, delivery_id: int) -> Sequence[Correction]:
    """Returns all corrections of a delivery, the newest first."""
    query = select(Correction).where(Correction.delivery_id == delivery_id).order_by(Correction.id.desc())
    return session.scalars(query).all()


def latest_corrections(session: Session, post_id: int) -> Sequence[Correction]:
    """Returns the last correction of each delivery of a post, those of the newest day first."""
    of_post = select(func.max(Correction.id)).join(Delivery).join(Pick).where(Pick.post_id == post_id)
    last = of_post.group_by(Correction.delivery_id)
    query = select(Correction).join(Delivery).join(Pick).where(Correction.id.in_(last))
    return session.scalars(query.order_by(Pick.slot.desc(), Delivery.channel_name, Delivery.part)).all()


def may_be_replaced(correction: Correction) -> bool:
    """Returns whether another correction may take the place of this one: no worker has begun with it."""
    return correction.state == CorrectionState.WAITING and correction.tries == 0
