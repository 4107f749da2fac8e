"""Reads when and where followers saw posts last."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from publisher.db.models import Delivery, Pick, Post
from publisher.posts.posts_in_common import batches
from publisher.posts.published_links import first_link


@dataclass(frozen=True, slots=True)
class LastShown:
    """Holds the last day on which a post was shown."""

    day: date
    link: str | None
    """One of the places where followers find it. None: nothing was published that day, or no link is known."""


def last_shown(session: Session, posts: Collection[int]) -> dict[int, LastShown]:
    """Returns, by post, when and where it was shown last. A post that was never shown is left out."""
    shown: dict[int, LastShown] = {}
    for batch in batches(sorted(posts)):
        shown |= _elsewhere(session, batch) | _here(session, batch)
    return shown


def _here(session: Session, posts: Collection[int]) -> dict[int, LastShown]:
    """Returns those that were picked on this desk."""
    slots = select(func.max(Pick.slot)).where(Pick.post_id.in_(posts)).group_by(Pick.post_id)
    picks = session.execute(select(Pick.id, Pick.post_id, Pick.slot).where(Pick.slot.in_(slots))).all()
    if not picks:
        return {}
    published = (Delivery.state == "published", Delivery.remote_url.is_not(None))
    query = select(Delivery.pick_id, Delivery.remote_url).where(Delivery.pick_id.in_([pick.id for pick in picks]))
    links: dict[int, str | None] = {}
    for pick_id, url in session.execute(query.where(*published).order_by(Delivery.id)):
        links.setdefault(pick_id, url)
    return {pick.post_id: LastShown(pick.slot, links.get(pick.id)) for pick in picks}


def _elsewhere(session: Session, posts: Collection[int]) -> dict[int, LastShown]:
    """Returns those that were published before they came into this desk."""
    query = select(Post.id, Post.published_elsewhere_on).where(Post.id.in_(posts))
    days = session.execute(query).all()
    return {post_id: LastShown(day, first_link(session, post_id)) for post_id, day in days if day is not None}
