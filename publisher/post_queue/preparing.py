"""The pictures of the next post, made before their time, so that the post itself leaves on time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from publisher.adapt.people import People
from publisher.adapt.posts import Target
from publisher.adapt.rendering import Renderer
from publisher.db.models import Post
from publisher.db.session import Database
from publisher.post_queue.preview import preview
from publisher.post_queue.projection import project
from publisher.post_queue.slots import slot_opens
from publisher.settings import Settings

AHEAD = timedelta(minutes=30)


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
