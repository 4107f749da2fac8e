"""Finds deliveries that need a person, posts that are shown wrongly, and drafts that were left over."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased

from publisher.alerts.conditions import (
    MAX_EVENT_AGE,
    SILENT_ENDING,
    Condition,
    Ending,
    Snapshot,
    ending_of_delivery,
    stated_reason,
    without_remedy,
)
from publisher.alerts.problem_codes import AlertEnding, AlertHeadline, AlertProblem
from publisher.core.problems import Problem
from publisher.core.remedies import Remedy
from publisher.core.states import BY_HAND, OPEN_CORRECTIONS, CorrectionState, State
from publisher.db.corrections import Correction
from publisher.db.models import Delivery, Event
from publisher.db.operations import Alert, AlertKind
from publisher.db.problem_column import read_recorded
from publisher.delivery.row import place_of
from publisher.delivery.stray_drafts import STRAY_DRAFT
from publisher.delivery.verify import AS_SENT, DIFFERS
from publisher.lifecycle_late_success import CANCELED_PUBLIC, SECOND_COPY

HEADLINES = {
    State.HELD: (AlertKind.HELD, AlertHeadline.DELIVERY_HELD),
    State.FAILED: (AlertKind.FAILED, AlertHeadline.DELIVERY_FAILED),
    State.MISSED: (AlertKind.MISSED, AlertHeadline.DELIVERY_MISSED),
}


def deliveries_by_hand(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields each delivery that was held, failed or missed lately and still is, once each time."""
    happened = (
        select(func.max(Event.id))
        .where(Event.at >= snapshot.now - MAX_EVENT_AGE, Event.name.in_([f"delivery {state}" for state in BY_HAND]))
        .group_by(Event.delivery_id)
    )
    query = select(Event.id, Delivery).join(Delivery, Delivery.id == Event.delivery_id)
    for event, delivery in snapshot.session.execute(query.where(Event.id.in_(happened), Delivery.state.in_(BY_HAND))):
        kind, headline = HEADLINES[State(delivery.state)]
        yield _of_delivery(delivery, event, kind, headline, problem_by_hand(delivery))


def problem_by_hand(delivery: Delivery) -> Problem:
    """Returns why a delivery waits for a person. What may be public is looked for, and never just tried again."""
    problem = stated_reason(delivery.problem)
    remedy = Remedy.LOOK_THEN_SETTLE if delivery.unknown_since is not None else problem.remedy or Remedy.RETRY_DELIVERY
    return problem.with_remedy(remedy, channel=delivery.channel_name, delivery=delivery.id)


def end_of_delivery_alert(snapshot: Snapshot, alert: Alert) -> Ending | None:
    """Returns how the delivery ended. A retry is not the end; a new failure is an alert of its own."""
    delivery = snapshot.session.get(Delivery, alert.delivery_id, populate_existing=True)
    if delivery is None:
        return SILENT_ENDING
    if delivery.state not in BY_HAND:
        return ending_of_delivery(delivery)
    happened = select(func.max(Event.id)).where(
        Event.delivery_id == delivery.id, Event.name == f"delivery {delivery.state}"
    )
    return None if str(snapshot.session.scalar(happened)) == alert.occurrence else SILENT_ENDING


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
        if event.name == SECOND_COPY:
            problem = AlertProblem.TWO_COPIES(first=event.detail.get("first"), second=event.detail.get("second"))
            yield _of_delivery(delivery, event.id, AlertKind.SECOND_COPY, AlertHeadline.PUBLIC_TWICE, problem)
        elif event.name == CANCELED_PUBLIC:
            problem = stated_reason(read_recorded(event.detail.get("problem")))
            yield _of_delivery(delivery, event.id, AlertKind.SECOND_COPY, AlertHeadline.CANCELED_AND_PUBLIC, problem)
        elif delivery.id not in corrected_by or corrected_by[delivery.id] < event.id:
            problem = stated_reason(read_recorded(event.detail.get("problem")))
            remedy = Remedy.OPEN_POST if delivery.remote_url else Remedy.SHOW_DELIVERY
            problem = problem.with_remedy(remedy, url=delivery.remote_url, delivery=delivery.id)
            yield _of_delivery(delivery, event.id, AlertKind.DIFFERS, AlertHeadline.SHOWN_DIFFERENTLY, problem)


def _of_delivery(
    delivery: Delivery, event: int, kind: AlertKind, headline: AlertHeadline, problem: Problem
) -> Condition:
    return Condition(
        kind,
        headline(
            place=place_of(delivery) if delivery.part else delivery.channel_name,
            title=str(delivery.adapted.get("title", "")),
        ),
        problem,
        channel=delivery.channel_name,
        delivery_id=delivery.id,
        day=delivery.pick.slot,
        occurrence=str(event),
    )


def failed_corrections(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields each published post whose last correction failed lately."""
    newer = aliased(Correction)
    query = (
        select(Correction, Delivery)
        .join(Delivery, Delivery.id == Correction.delivery_id)
        .where(
            Correction.state == CorrectionState.FAILED,
            Correction.ended_at >= snapshot.now - MAX_EVENT_AGE,
            ~exists().where(newer.delivery_id == Correction.delivery_id, newer.id > Correction.id),
        )
    )
    for correction, delivery in snapshot.session.execute(query):
        reason = without_remedy(stated_reason(correction.problem))
        problem = AlertProblem.CORRECTION_GIVEN_UP(reason=reason, delivery=delivery.id)
        yield _of_delivery(delivery, correction.id, AlertKind.CORRECTION, AlertHeadline.CORRECTION_FAILED, problem)


def end_of_failed_correction(snapshot: Snapshot, alert: Alert) -> Ending | None:
    """Returns how it ended that a post was not corrected. Another correction is not the end before it is sent."""
    query = select(Correction.state).where(Correction.delivery_id == alert.delivery_id)
    state = snapshot.session.scalar(query.order_by(Correction.id.desc()).limit(1))
    if state in OPEN_CORRECTIONS:
        return None
    return Ending(AlertEnding.CORRECTED()) if state == CorrectionState.DONE else SILENT_ENDING


def stray_drafts(snapshot: Snapshot) -> Iterator[Condition]:
    """Yields drafts on a platform that belong to no delivery."""
    query = select(Event).where(Event.at >= snapshot.now - MAX_EVENT_AGE, Event.name == STRAY_DRAFT).order_by(Event.id)
    for event in snapshot.session.scalars(query):
        channel = str(event.detail.get("channel", ""))
        yield Condition(
            AlertKind.DRAFT,
            AlertHeadline.DRAFT_LEFT(channel=channel),
            stated_reason(read_recorded(event.detail.get("problem"))),
            channel=channel,
            occurrence=str(event.id),
        )
