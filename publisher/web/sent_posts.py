"""Shows what left for a channel: the texts of the request, and the pictures as they were rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from publisher.adapt.text.rich_html import rich_parts
from publisher.core.content import AdaptedPost
from publisher.core.problems import Problem
from publisher.core.states import State
from publisher.db.models import Delivery, Media, Pick, Post
from publisher.delivery.correction_history import present_text
from publisher.desk import Desk
from publisher.platforms.base import RequestText
from publisher.platforms.profiles import Profile, load_profile, platform_names
from publisher.platforms.registry import adapter_class
from publisher.posts.post_store import last_pick
from publisher.web.channel_preview import PreviewImage, RecentSpecs, finished_size
from publisher.web.correction_context import correction_context
from publisher.web.post_story import story_context
from publisher.web.rendering import desk_of, page


def request_texts(adapted: AdaptedPost) -> Sequence[RequestText]:
    """Returns the texts of the request that publishes an adapted post, as its adapter writes them."""
    if adapted.platform not in platform_names():
        return (RequestText(adapted.caption),)
    return adapter_class(adapted.platform).request_texts(adapted)


def sent_images(session: Session, adapted: AdaptedPost, specs: RecentSpecs) -> list[PreviewImage]:
    """Returns the finished pictures of an adapted post. One that is not stored any more is made again."""
    sources = [image.spec.source for image in adapted.images]
    media = {row.sha256: row for row in session.scalars(select(Media).where(Media.sha256.in_(sources)))}
    return [
        PreviewImage(specs.remember(image.spec), image.alt_text, *finished_size(image.spec, media[image.spec.source]))
        for image in adapted.images
        if image.spec.source in media
    ]


@dataclass(frozen=True, slots=True)
class SentPost:
    """Holds what the followers of one channel got, or will get, in the form of a preview."""

    channel: str
    label: str
    layout: str
    """As the platform's profile says under `preview`."""
    account: str
    adapted: AdaptedPost
    parts: Sequence[tuple[str, Sequence[Any]]]
    images: Sequence[PreviewImage]
    replies: Sequence[str]
    """The texts of the published replies that continue it."""
    delivery_id: int
    state: State
    published_at: datetime | None
    remote_id: str | None
    url: str | None
    problem: Problem | None


def is_out(pick: Pick | None) -> bool:
    """Tells whether followers of any channel have the picked post."""
    return pick is not None and any(delivery.published_at is not None for delivery in pick.deliveries)


def find_shown_pick(desk: Desk, post: Post) -> Pick | None:
    """Returns the last pick of an approved post if it is out on any channel, with its deliveries.

    None: it is not out, or somebody works on it since.
    """
    if post.state != "approved":
        return None
    with desk.database.reading() as session:
        pick = last_pick(session, post)
        return pick if is_out(pick) else None


def render_published(request: Request, post: Post, pick: Pick) -> Response:
    """Shows what followers got of a post, channel by channel, with nothing to edit."""
    desk = desk_of(request)
    with desk.database.reading() as session:
        query = select(Delivery).where(Delivery.pick_id == pick.id).options(joinedload(Delivery.channel))
        deliveries = list(session.scalars(query.order_by(Delivery.id)))
        sent = [
            _sent_post(desk, session, delivery, deliveries, request.app.state.recent_specs)
            for delivery in deliveries
            if delivery.part == 0
        ]
        story = story_context(session, post, desk.now(), desk.settings.archive.reuse)
        corrections = correction_context(session, post.id)
    return page(request, "published.html", post=post, pick=pick, sent=sent, **story, **corrections)


def _sent_post(
    desk: Desk, session: Session, delivery: Delivery, deliveries: Sequence[Delivery], specs: RecentSpecs
) -> SentPost:
    name = delivery.channel_name
    adapted = present_text(session, delivery)
    profile = _profile(desk, name, adapted.platform)
    settings = desk.settings.channels.get(name)
    replies = [
        present_text(session, reply).caption
        for reply in deliveries
        if reply.channel_name == name and reply.part > 0 and reply.published_at is not None
    ]
    return SentPost(
        channel=name,
        label=profile.label if profile else adapted.platform,
        layout=profile.preview if profile else "article",
        account=settings.account if settings else name,
        adapted=adapted,
        parts=rich_parts(adapted.blocks),
        images=sent_images(session, adapted, specs),
        replies=replies,
        delivery_id=delivery.id,
        state=State(delivery.state),
        published_at=delivery.shown_since,
        remote_id=delivery.remote_id,
        url=delivery.remote_url,
        problem=delivery.problem,
    )


def _profile(desk: Desk, channel: str, platform: str) -> Profile | None:
    """Returns the profile of a channel, which may have left the configuration since."""
    if channel in desk.targets:
        return desk.targets[channel].profile
    return load_profile(platform) if platform in platform_names() else None
