"""The pictures of the next post, made before their time, so that the post itself leaves on time; old ones, swept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from publisher.adapt.images.rendering import Renderer
from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import People
from publisher.core.content import AdaptedPost
from publisher.core.states import FINAL
from publisher.db.models import Delivery, Post
from publisher.db.session import Database
from publisher.posts.preview import preview
from publisher.schedule.projection import project
from publisher.schedule.slots import slot_opens
from publisher.settings import Settings

AHEAD = timedelta(minutes=30)
KEPT_FOR = timedelta(days=30)


def prepare_next(
    database: Database,
    settings: Settings,
    targets: Mapping[str, Target],
    people: People,
    renderer: Renderer,
    now: datetime,
) -> int | None:
    """Render what the next slot will need when that slot is near, and return the post's id.

    It is a guess that costs nothing when it is wrong: the pick is still made at slot time, and
    what is missing then is rendered then.
    """
    with database.reading() as session:
        coming = next(project(session, settings, now))
        if coming.post_id is None or slot_opens(coming.slot, settings) - now > AHEAD:
            return None
        post = session.get_one(Post, coming.post_id)
    preview(post, targets, people, renderer)
    return post.id


def sweep_renditions(database: Database, renderer: Renderer, now: datetime) -> int:
    """Remove renditions that were not made lately and that no open delivery needs; they can be made again.

    Returns how many files went.
    """
    with database.reading() as session:
        open_ones = session.scalars(select(Delivery.adapted).where(Delivery.state.not_in(FINAL)))
        needed = {image.spec.digest for adapted in open_ones for image in AdaptedPost.model_validate(adapted).images}
    return renderer.sweep(needed, now - KEPT_FOR)
