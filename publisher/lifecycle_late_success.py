"""Records posts that turn out to be public after their delivery went on to another state."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.content import Publication
from publisher.core.states import SENT, State
from publisher.db.history import note_intent
from publisher.db.models import Delivery, Event
from publisher.delivery.problem_codes import PublicPostProblem
from publisher.lifecycle import continue_thread, record_delivery_event
from publisher.platforms.registry import canonical_id

SECOND_COPY = "second copy"
"""The event for a post that is public twice."""
CANCELED_PUBLIC = "canceled post is public"
"""The event for a post that was canceled, and is public all the same."""


def record_late_success(session: Session, delivery_id: int, publication: Publication, now: datetime) -> bool:
    """Records that a post is public, whoever found out. The truth wins over any state.

    Returns False when the delivery was already published as another post, which then is a
    second copy; an event says so, with both links.
    """
    delivery = session.get_one(Delivery, delivery_id, populate_existing=True)
    if delivery.state == State.PUBLISHED and not _is_the_same_post(delivery, publication):
        _record_copy(session, delivery, publication, now)
        return False
    if delivery.state != State.PUBLISHED:
        before = delivery.state
        delivery.state = State.PUBLISHED
        delivery.fence += 1
        delivery.lease_owner = delivery.lease_until = None
        delivery.remote_id = publication.remote_id
        delivery.remote_url = publication.url
        delivery.published_at = delivery.verify_at = now
        delivery.unknown_since = None
        delivery.problem = None
        if before == State.CANCELED:
            _record_canceled_public(session, delivery, now)
        session.flush()
        record_delivery_event(
            session,
            delivery_id,
            "delivery published",
            now=now,
            detail={"before": before, "late": True, "url": publication.url},
        )
        if before not in SENT:
            # As in `move`: a database that has forgotten this would publish what is public already.
            note_intent(session, delivery_id)
        held_reason = PublicPostProblem.FIRST_PART_CANCELED() if before == State.CANCELED else None
        continue_thread(session, delivery_id, now, new_post=False, held=held_reason)
    return True


def _record_canceled_public(session: Session, delivery: Delivery, now: datetime) -> None:
    problem = PublicPostProblem.CANCELED_AND_PUBLIC(link=delivery.remote_url or delivery.remote_id)
    delivery.problem, detail = problem, {"problem": problem.to_json()}
    record_delivery_event(session, delivery.id, CANCELED_PUBLIC, now=now, detail=detail)


def _record_copy(session: Session, delivery: Delivery, publication: Publication, now: datetime) -> None:
    """Records another post of a published delivery, once, with the links to all."""
    first, second = str(delivery.remote_url or delivery.remote_id), publication.url or publication.remote_id
    query = select(Event.detail).where(Event.delivery_id == delivery.id, Event.name == SECOND_COPY).order_by(Event.id)
    copies = [str(detail.get("second")) for detail in session.scalars(query)]
    platform = str(delivery.adapted.get("platform", ""))
    if canonical_id(platform, second) in [canonical_id(platform, copy) for copy in copies]:
        return
    detail = {"first": first, "second": second}
    record_delivery_event(session, delivery.id, SECOND_COPY, now=now, detail=detail)
    delivery.problem = (
        PublicPostProblem.SEVERAL_COPIES(count=len(copies) + 2, links=[first, *copies], last=second)
        if copies
        else PublicPostProblem.TWO_COPIES(first=first, second=second)
    )


def _is_the_same_post(delivery: Delivery, publication: Publication) -> bool:
    """Returns whether a publication is the delivery's recorded post, whatever form its id and link have.

    A post that was prepared as a draft may have been published under another id than the draft's.
    """
    platform = str(delivery.adapted.get("platform", ""))
    recorded, reported = (
        {canonical_id(platform, reference) for reference in references if reference}
        for references in (
            (delivery.remote_id, delivery.remote_url, delivery.preparation.get("reference")),
            (publication.remote_id, publication.url, publication.former_id),
        )
    )
    return not recorded.isdisjoint(reported)
