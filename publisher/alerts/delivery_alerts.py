"""Finds deliveries that need a person, posts that are shown wrongly, and drafts that were left over."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select

from publisher.alerts.conditions import MAX_EVENT_AGE, SILENT_ENDING, Condition, Ending, Snapshot, with_remedy
from publisher.core.states import BY_HAND, State
from publisher.db.models import Delivery, Event
from publisher.db.operations import Alert
from publisher.db.problem_column import read_recorded
from publisher.delivery.stray_drafts import STRAY_DRAFT
from publisher.delivery.verify import AS_SENT, DIFFERS
from publisher.lifecycle_late_success import CANCELED_PUBLIC, SECOND_COPY


def deliveries_by_hand(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields each delivery that was held, failed or missed lately and still is, once each time."""
    happened = (
        select(func.max(Event.id))
        .where(Event.at >= snapshot.now - MAX_EVENT_AGE, Event.name.in_([f"delivery {state}" for state in BY_HAND]))
        .group_by(Event.delivery_id)
    )
    query = select(Event.id, Delivery).join(Delivery, Delivery.id == Event.delivery_id)
    for event, delivery in snapshot.session.execute(query.where(Event.id.in_(happened), Delivery.state.in_(BY_HAND))):
        state = {State.HELD: "is held", State.FAILED: "failed", State.MISSED: "was missed"}[State(delivery.state)]
        yield Condition(
            subject=f"delivery {delivery.id} {event}",
            kind=delivery.state,
            title=f"{delivery.place}: {_quoted_title(delivery)} {state}",
            message=with_remedy(str(delivery.problem or ""), snapshot.remedies.delivery(delivery)),
        )


def end_of_delivery_alert(snapshot: Snapshot, alert: Alert) -> Ending | None:
    """Returns how the delivery ended. A retry is not the end; a new failure is an alert of its own."""
    _, number, event = alert.subject.split()
    delivery = snapshot.session.get(Delivery, int(number), populate_existing=True)
    if delivery is None:
        return SILENT_ENDING
    if delivery.state not in BY_HAND:
        return snapshot.delivery_ending(delivery)
    newer = select(Event.id).where(
        Event.delivery_id == delivery.id, Event.name == f"delivery {delivery.state}", Event.id > int(event)
    )
    return SILENT_ENDING if snapshot.session.scalar(newer.limit(1)) else None


def wrongly_shown_posts(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields second copies, and posts that are shown differently than they were sent."""
    query = (
        select(Event, Delivery)
        .join(Delivery, Delivery.id == Event.delivery_id)
        .where(Event.at >= snapshot.now - MAX_EVENT_AGE, Event.name.in_((SECOND_COPY, CANCELED_PUBLIC, DIFFERS)))
    )
    corrected = select(Event.delivery_id, func.max(Event.id)).where(
        Event.at >= snapshot.now - MAX_EVENT_AGE, Event.name == AS_SENT
    )
    corrected_by = {
        delivery: event for delivery, event in snapshot.session.execute(corrected.group_by(Event.delivery_id))
    }
    for event, delivery in snapshot.session.execute(query):
        title = f"{delivery.place}: {_quoted_title(delivery)}"
        if event.name == SECOND_COPY:
            copies = f"{event.detail.get('first')} and {event.detail.get('second')}; remove one by hand"
            yield Condition(f"event {event.id}", SECOND_COPY, f"{title} is public twice", f"{copies}.")
        elif event.name == CANCELED_PUBLIC:
            problem = str(read_recorded(event.detail.get("problem")) or "")
            yield Condition(f"event {event.id}", SECOND_COPY, f"{title} was canceled and is public", problem)
        elif delivery.id not in corrected_by or corrected_by[delivery.id] < event.id:
            remedy = delivery.remote_url or snapshot.remedies.history(delivery)
            problem = with_remedy(str(read_recorded(event.detail.get("problem")) or ""), remedy)
            yield Condition(f"event {event.id}", "differs", f"{title} is not shown as it was sent", problem)


def stray_drafts(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields drafts on a platform that belong to no delivery."""
    query = select(Event).where(Event.at >= snapshot.now - MAX_EVENT_AGE, Event.name == STRAY_DRAFT).order_by(Event.id)
    for event in snapshot.session.scalars(query):
        title = f"{event.detail.get('channel')}: an unused draft is left"
        yield Condition(f"event {event.id}", "draft", title, str(read_recorded(event.detail.get("problem")) or ""))


def _quoted_title(delivery: Delivery) -> str:
    return f"“{delivery.adapted.get('title', '')}”"
