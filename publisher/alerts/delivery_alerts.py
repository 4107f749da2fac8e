"""Deliveries that need a person, and posts that are not public as they should be."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select

from publisher.alerts.conditions import NEWS, QUIET, Condition, Ending, View, with_remedy
from publisher.core.states import BY_HAND, State
from publisher.db.models import Delivery, Event
from publisher.db.operations import Notice
from publisher.delivery.stray_drafts import STRAY_DRAFT
from publisher.delivery.verify import AS_SENT, DIFFERS
from publisher.lifecycle_late_success import CANCELED_PUBLIC, SECOND_COPY


def delivery_troubles(view: View) -> Iterator[Condition]:
    """Each delivery that was held, failed or missed lately and still is, once per time that it happened."""
    happened = (
        select(func.max(Event.id))
        .where(Event.at >= view.now - NEWS, Event.name.in_([f"delivery {state}" for state in BY_HAND]))
        .group_by(Event.delivery_id)
    )
    query = select(Event.id, Delivery).join(Delivery, Delivery.id == Event.delivery_id)
    for event, delivery in view.session.execute(query.where(Event.id.in_(happened), Delivery.state.in_(BY_HAND))):
        was = {State.HELD: "is held", State.FAILED: "failed", State.MISSED: "was missed"}[State(delivery.state)]
        yield Condition(
            subject=f"delivery {delivery.id} {event}",
            kind=delivery.state,
            title=f"{delivery.place}: {_quoted(delivery)} {was}",
            message=with_remedy(delivery.problem, view.remedies.delivery(delivery)),
        )


def end_of_trouble(view: View, notice: Notice) -> Ending | None:
    """A retry is not the end yet: how it goes is told, or it is in trouble again, which is news of its own."""
    _, number, event = notice.subject.split()
    delivery = view.session.get(Delivery, int(number), populate_existing=True)
    if delivery is None:
        return QUIET
    if delivery.state not in BY_HAND:
        return view.end_of(delivery)
    newer = select(Event.id).where(
        Event.delivery_id == delivery.id, Event.name == f"delivery {delivery.state}", Event.id > int(event)
    )
    return QUIET if view.session.scalar(newer.limit(1)) else None


def public_troubles(view: View) -> Iterator[Condition]:
    """Second copies, and posts that followers see otherwise than they were sent."""
    query = (
        select(Event, Delivery)
        .join(Delivery, Delivery.id == Event.delivery_id)
        .where(Event.at >= view.now - NEWS, Event.name.in_((SECOND_COPY, CANCELED_PUBLIC, DIFFERS)))
    )
    over = select(Event.delivery_id, func.max(Event.id)).where(Event.at >= view.now - NEWS, Event.name == AS_SENT)
    taken_back = {delivery: event for delivery, event in view.session.execute(over.group_by(Event.delivery_id))}
    for event, delivery in view.session.execute(query):
        title = f"{delivery.place}: {_quoted(delivery)}"
        if event.name == SECOND_COPY:
            copies = f"{event.detail.get('first')} and {event.detail.get('second')}; remove one by hand"
            yield Condition(f"event {event.id}", SECOND_COPY, f"{title} is public twice", f"{copies}.")
        elif event.name == CANCELED_PUBLIC:
            problem = str(event.detail.get("problem", ""))
            yield Condition(f"event {event.id}", SECOND_COPY, f"{title} was canceled and is public", problem)
        elif delivery.id not in taken_back or taken_back[delivery.id] < event.id:
            remedy = delivery.remote_url or view.remedies.history(delivery)
            problem = with_remedy(str(event.detail.get("problem", "")), remedy)
            yield Condition(f"event {event.id}", "differs", f"{title} is not shown as it was sent", problem)


def stray_drafts(view: View) -> Iterator[Condition]:
    """Drafts on a platform that no delivery waits for."""
    query = select(Event).where(Event.at >= view.now - NEWS, Event.name == STRAY_DRAFT).order_by(Event.id)
    for event in view.session.scalars(query):
        title = f"{event.detail.get('channel')}: a needless draft is left"
        yield Condition(f"event {event.id}", "draft", title, str(event.detail.get("problem", "")))


def _quoted(delivery: Delivery) -> str:
    return f"“{delivery.adapted.get('title', '')}”"
