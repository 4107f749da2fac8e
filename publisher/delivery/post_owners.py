"""Finds out which delivery a post on a platform belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from publisher.core.content import Publication
from publisher.core.states import BY_HAND, SENT
from publisher.delivery.claim import ClaimedDelivery
from publisher.delivery.due import CHANNELS, in_states
from publisher.lifecycle import (
    DELIVERIES,
)


def find_other_record(session: Session, claimed: ClaimedDelivery, publication: Publication) -> int | None:
    """Returns the other delivery of which a post on its platform is the record."""
    query = (
        select(DELIVERIES.c.id)
        .join(CHANNELS, CHANNELS.c.name == DELIVERIES.c.channel_name)
        .where(
            DELIVERIES.c.remote_id == publication.remote_id,
            DELIVERIES.c.id != claimed.id,
            CHANNELS.c.platform == claimed.adapted.platform,
        )
    )
    return session.scalar(query.limit(1))


def own_posts(session: Session, claimed: ClaimedDelivery, publication: Publication) -> tuple[Publication, ...]:
    """Returns the posts that are not the records of other deliveries, and can't be their posts either.

    Where another delivery of the same text is unknown, a delivery that is looked up for its own sake has the first
    post. None is a second copy then, and what is only looked at again takes none: the other one's may be it.
    """
    alike = (publication.model_copy(update={"copies": ()}), *publication.copies)
    own = tuple(post for post in alike if find_other_record(session, claimed, post) is None)
    if not own or not _has_unknown_twin(session, claimed):
        return own
    return own[:1] if claimed.state in SENT else tuple(post for post in own if post.remote_id == claimed.remote_id)


def _has_unknown_twin(session: Session, claimed: ClaimedDelivery) -> bool:
    """Returns whether another delivery with this text may be public without a record of its post."""
    query = (
        select(DELIVERIES.c.adapted)
        .join(CHANNELS, CHANNELS.c.name == DELIVERIES.c.channel_name)
        .where(
            CHANNELS.c.platform == claimed.adapted.platform,
            DELIVERIES.c.id != claimed.id,
            DELIVERIES.c.remote_id.is_(None),
            or_(
                in_states(DELIVERIES, *SENT),
                and_(in_states(DELIVERIES, *BY_HAND), DELIVERIES.c.unknown_since.is_not(None)),
            ),
        )
    )
    return any(adapted.get("caption") == claimed.adapted.caption for adapted in session.scalars(query))


def without_other_posts(session: Session, claimed: ClaimedDelivery, publication: Publication) -> Publication | None:
    """Returns what was found, without the records of other deliveries; None: nothing is left."""
    own = own_posts(session, claimed, publication)
    return own[0].model_copy(update={"copies": own[1:]}) if own else None


def posts_without_record(session: Session, claimed: ClaimedDelivery, posts: Sequence[Publication]) -> list[Publication]:
    """Returns the posts that no delivery on their platform has as its record, under any of their ids."""
    ids = {name for post in posts for name in (post.remote_id, post.former_id) if name}
    query = (
        select(DELIVERIES.c.remote_id)
        .join(CHANNELS, CHANNELS.c.name == DELIVERIES.c.channel_name)
        .where(DELIVERIES.c.remote_id.in_(ids), CHANNELS.c.platform == claimed.adapted.platform)
    )
    recorded = set(session.scalars(query))
    return [post for post in posts if recorded.isdisjoint((post.remote_id, post.former_id))]
