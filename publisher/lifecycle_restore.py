"""Makes the deliveries of a restored database safe: whatever may have been sent is looked up first."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from publisher.core.content import Preparation
from publisher.core.states import BY_HAND, LEASED, WAITING, State
from publisher.db.models import Delivery
from publisher.delivery.problem_codes import DeliveryProblem
from publisher.lifecycle import close_lost_attempts, key_is_taken, next_token, record_delivery_event


def restore_deliveries(
    session: Session,
    now: datetime,
    key_of: Callable[[Delivery], str],
    *,
    since: datetime,
    changed: Collection[int] = (),
) -> list[Delivery]:
    """Marks what a backup believes to be unsent as unconfirmed, and returns what will be looked up.

    The lost database may have sent, between the backup (`since`) and now, everything that fell due,
    with another text, too: it becomes unconfirmed, with the key that it then had (`key_of`), and goes
    out only if the platform surely has no post that could be it. What waits for a person may have been
    retried: a retry now demands that somebody has looked. What is due later stays as it is.

    `changed`: deliveries that the lost desk is known to have sent, canceled or recorded since the
    backup. Where they are not found, a person is asked, whenever they are due.

    A path of its own beside `MOVES`: no running desk may go from `pending` to `unconfirmed`.
    """
    session.execute(
        update(Delivery)
        .where(Delivery.state.in_(BY_HAND), Delivery.unknown_since.is_(None))
        .values(unknown_since=now, fence=Delivery.fence + 1)
    )
    # What waits for a later try now may have been tried at its hour, or released by a person.
    may_be_sent = or_(Delivery.due_at <= now, Delivery.scheduled_at <= now, Delivery.id.in_(changed))
    fell_due = and_(Delivery.state.in_(WAITING), may_be_sent)
    query = select(Delivery).where(or_(Delivery.state.in_(LEASED), fell_due)).order_by(Delivery.id)
    restored = list(session.scalars(query))
    for delivery in restored:
        prepared = Preparation.model_validate(delivery.preparation)
        changes = {"restored_since": since, "changed_before_restore": delivery.id in changed}
        delivery.preparation = prepared.model_copy(update=changes).model_dump(mode="json")
        _mark_unconfirmed(session, delivery, now, delivery.idempotency_key or _free_key(session, delivery, key_of))
    return restored


def _free_key(session: Session, delivery: Delivery, key_of: Callable[[Delivery], str]) -> str:
    """Returns the key that a worker gives to a delivery which has none yet."""
    while key_is_taken(session, key := key_of(delivery)):
        delivery.token = next_token(delivery.token)
    return key


def _mark_unconfirmed(session: Session, delivery: Delivery, now: datetime, key: str) -> None:
    close_lost_attempts(session, delivery.id, delivery.fence, now)
    before = delivery.state
    delivery.state = State.UNCONFIRMED
    delivery.fence += 1
    delivery.lease_owner = delivery.lease_until = None
    delivery.idempotency_key = key
    delivery.sent_at = min(delivery.sent_at or delivery.scheduled_at, delivery.scheduled_at)
    delivery.unknown_since = delivery.due_at = now
    delivery.lookups = delivery.clean_lookups = 0
    delivery.problem = DeliveryProblem.RESTORED()
    session.flush()
    record_delivery_event(
        session,
        delivery.id,
        "delivery unconfirmed",
        now=now,
        detail={"before": before, "restored": True, "idempotency_key": key},
    )
