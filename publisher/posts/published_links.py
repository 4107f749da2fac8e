"""Reads where followers find posts that were published before they came into this desk."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.db.imports import PublishedLink


def published_links(session: Session, post_id: int) -> dict[str, str]:
    """Returns the links of a post by the name of their platform, in the order in which they came."""
    query = select(PublishedLink.platform, PublishedLink.url).where(PublishedLink.post_id == post_id)
    links: dict[str, str] = {}
    for platform, url in session.execute(query.order_by(PublishedLink.id)):
        links.setdefault(platform, url)
    return links


def first_link(session: Session, post_id: int) -> str | None:
    """Returns the link of a post that came first; None: none is known."""
    query = select(PublishedLink.url).where(PublishedLink.post_id == post_id).order_by(PublishedLink.id)
    return session.scalar(query.limit(1))
