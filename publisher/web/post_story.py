"""Lists what was said about a post, what happened to it, its versions, and its preview links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.archive.post_collections import collections_with, list_collections
from publisher.archive.related import posts_on_day
from publisher.collaboration.notifications import names_of
from publisher.collaboration.preview_links import DEFAULT_LIFETIME, LIFETIMES, links_of
from publisher.core.messages import current_reader
from publisher.db.models import Event, Post
from publisher.db.staff import PreviewLink
from publisher.posts import review
from publisher.posts.published_links import published_links
from publisher.posts.reuse import Rights, reuse_answers
from publisher.posts.versions import versions_of
from publisher.settings import ReuseRule

MAX_LISTED = 10
"""Versions and events that are listed."""


def story_context(session: Session, post: Post | None, now: datetime, rules: Sequence[ReuseRule]) -> dict[str, Any]:
    """Returns the context of `post_story.html`; nothing happened yet to a new post."""
    if post is None:
        return {
            "comments": [],
            "history": [],
            "versions": [],
            "people": [],
            "published_links": {},
            "on_this_day": [],
            "reuse": (),
            "collections": [],
            "collected_in": [],
            **links_context([], now),
        }
    events = select(Event).where(Event.post_id == post.id).order_by(Event.id.desc()).limit(MAX_LISTED)
    return {
        "comments": review.comments_of(session, post.id),
        "history": list(session.scalars(events)),
        "versions": versions_of(session, post.id)[:MAX_LISTED],
        "people": names_of(session),
        "published_links": published_links(session, post.id),
        "on_this_day": posts_on_day(session, post),
        "reuse": reuse_answers(rules, _rights_of(post), current_reader().language),
        "collections": list_collections(session),
        "collected_in": collections_with(session, post.id),
        **links_context(links_of(session, post.id), now),
    }


def _rights_of(post: Post) -> list[Rights]:
    return [Rights(image.licence or post.licence, image.credit or post.credit) for image in post.images]


def links_context(links: Sequence[PreviewLink], now: datetime) -> dict[str, Any]:
    """Returns the context of `preview_links.html`."""
    working = [link for link in links if link.revoked_at is None and link.expires_at > now]
    return {
        "links": links,
        "working_links": {link.id for link in working},
        "lifetimes": LIFETIMES,
        "default_lifetime": DEFAULT_LIFETIME,
        "link_mistake": None,
        "typed_name": "",
    }
