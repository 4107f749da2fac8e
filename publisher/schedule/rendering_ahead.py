"""Renders the pictures of the next post before its slot, and deletes old renditions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from publisher.adapt.images.rendering import Renderer
from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.content import AdaptedPost
from publisher.core.states import FINAL
from publisher.db.models import Delivery, Post
from publisher.db.session import Database
from publisher.posts.preview import preview
from publisher.schedule.projection import project
from publisher.schedule.slots import slot_opens
from publisher.settings import Settings

RENDERED_BEFORE = timedelta(minutes=30)
MAX_UNUSED_AGE = timedelta(days=30)


def render_next_post(
    database: Database,
    settings: Settings,
    targets: Mapping[str, Target],
    people: PeopleDirectory,
    renderer: Renderer,
    now: datetime,
) -> int | None:
    """Renders the pictures of the next slot when that slot is near, and returns the post's id.

    A wrong guess does no harm: the pick is made at slot time, and what is missing then is rendered then.
    """
    with database.reading() as session:
        coming = next(project(session, settings, now))
        if coming.post_id is None or slot_opens(coming.slot, settings) - now > RENDERED_BEFORE:
            return None
        post = session.get_one(Post, coming.post_id)
    preview(post, targets, people, renderer)
    return post.id


def sweep_renditions(database: Database, renderer: Renderer, now: datetime) -> int:
    """Deletes old renditions that no open delivery needs; they can be rendered again.

    Returns the number of deleted files.
    """
    with database.reading() as session:
        open_deliveries = session.scalars(select(Delivery.adapted).where(Delivery.state.not_in(FINAL)))
        needed = {
            image.spec.digest for adapted in open_deliveries for image in AdaptedPost.model_validate(adapted).images
        }
    return renderer.sweep(needed, now - MAX_UNUSED_AGE)
