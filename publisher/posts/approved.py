"""Finds the approved text of a post, and gives it to deliveries: nothing else may go out.

A change of an approved post, whoever makes it, takes the approval back. The deliveries of a post that was picked keep
the approved text until somebody who may approve the changed one does so: approving is what carries a change to them.
`publisher.lifecycle.replace_adapted` refuses every other text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher import lifecycle
from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.core.content import AdaptedPost
from publisher.core.messages import _
from publisher.core.states import FINAL, UNPUBLISHED, State
from publisher.db.models import Delivery, Pick, Post
from publisher.db.staff import PostVersion
from publisher.posts.channel_posts import adapt_for_channels
from publisher.posts.errors import PostError
from publisher.posts.unsaved import build_post
from publisher.posts.versions import content_of, load_version, store_version


@dataclass(frozen=True, slots=True)
class ApprovedPost:
    """Holds a post as it was approved, and the number of the stored version with the same content."""

    post: Post
    version: int


@dataclass(frozen=True, slots=True)
class Reach:
    """Lists the channels of a pick that a change reaches, and those that have, or may have, the post as it was."""

    applies_to: tuple[str, ...] = ()
    too_late: tuple[str, ...] = ()


def record_approval(session: Session, post: Post, now: datetime) -> int:
    """Approves a post as it is now, and returns the number of its stored version. Nothing else approves a post."""
    post.state, post.approved_at, post.updated_at = "approved", now, now
    post.approved_version = _stored_version(session, post, now)
    return post.approved_version


def end_approval(session: Session, post: Post, state: str, now: datetime) -> None:
    """Takes a post out of the state `approved`; call it before the post's content is changed."""
    if post.state == "approved":
        # A post from an older desk has no number yet.
        post.approved_version = _stored_version(session, post, now)
    post.state, post.approved_at, post.updated_at = state, None, now


def approved_post(session: Session, post: Post, now: datetime) -> ApprovedPost | None:
    """Returns a post as it was approved last, whatever was changed since; None when it never was."""
    if post.state == "approved":
        post.approved_version = _stored_version(session, post, now)
        session.flush()
        return ApprovedPost(post, post.approved_version)
    if post.approved_version is None:
        return None
    version = post.approved_version
    return ApprovedPost(build_post(session, load_version(session, post.id, version)), version)


def changeable_pick(pick: Pick | None, post: Post) -> Pick | None:
    """Returns the pick whose deliveries a change of the post can still reach; None when there is none."""
    if pick is None or (post.reserve and all(State(delivery.state) in FINAL for delivery in pick.deliveries)):
        return None
    return pick


def refuse_while_it_may_go_out(session: Session, post: Post) -> None:
    """Refuses to withdraw a post while one of its deliveries may still go out, or may be public unknown to the desk.

    Raises:
        PostError: one of them may.
    """
    # Whoever retries a delivery locks the post, too: PostgreSQL would let both happen at once.
    session.execute(select(Post.id).where(Post.id == post.id).with_for_update())
    deliveries = select(Delivery).join(Pick).where(Pick.post_id == post.id).order_by(Pick.slot.desc(), Delivery.id)
    for delivery in session.scalars(deliveries):
        unknown = lifecycle.may_become_public(delivery.unknown_since, delivery.lost_requests)
        if delivery.state not in FINAL and (unknown or delivery.state not in UNPUBLISHED):
            raise PostError(
                _(
                    "post {post} was picked for {day:day}; cancel the deliveries that have not gone out",
                    post=post.id,
                    day=delivery.pick.slot,
                )
            )


def reach_of(pick: Pick | None) -> Reach:
    """Returns what the approval of a changed post would reach, as the deliveries are now."""
    if pick is None:
        return Reach()
    # A reply waits only where its post is public, and then the channel is listed as too late already.
    first_parts = [delivery for delivery in pick.deliveries if delivery.part == 0]
    waiting = [delivery for delivery in first_parts if lifecycle.may_be_replaced(delivery)]
    late = [delivery for delivery in first_parts if delivery not in waiting]
    return Reach(_channels(waiting), _channels(late))


def update_waiting_deliveries(
    session: Session,
    post: Post,
    pick: Pick | None,
    targets: Mapping[str, Target],
    people: PeopleDirectory,
    now: datetime,
) -> Reach:
    """Gives the waiting deliveries of a pick the text of a post that was just approved.

    Raises:
        PostError: one of them could not carry it; the whole transaction must be rolled back.
    """
    approved = approved_post(session, post, now)
    if pick is None or approved is None:
        return Reach()
    channel_posts = adapt_for_channels(approved.post, targets, people)
    fresh = {channel_post.channel: channel_post.adapted for channel_post in channel_posts}
    reached, late = [], []
    for delivery in pick.deliveries:
        if delivery.part != 0:
            continue
        adapted = fresh.get(delivery.channel_name)
        if adapted and lifecycle.replace_adapted(session, delivery, adapted, now, version=approved.version):
            _refuse_problems(delivery, adapted)
            reached.append(delivery)
        else:
            late.append(delivery)
    return Reach(_channels(reached), _channels(late))


def _channels(deliveries: list[Delivery]) -> tuple[str, ...]:
    return tuple(delivery.channel_name for delivery in deliveries)


def _refuse_problems(delivery: Delivery, adapted: AdaptedPost) -> None:
    blocking = [problem.problem for problem in adapted.problems if problem.blocking]
    if blocking:
        raise PostError(
            _(
                "the channel {channel} waits to publish it and could not carry it: {problems:sentences}",
                channel=delivery.channel_name,
                problems=blocking,
            )
        )


def _stored_version(session: Session, post: Post, now: datetime) -> int:
    """Returns the number of the version with the content of the post; stores one by its author if none has it."""
    session.flush()
    latest = session.scalar(
        select(PostVersion).where(PostVersion.post_id == post.id).order_by(PostVersion.version.desc()).limit(1)
    )
    if latest is not None and latest.content == content_of(post).model_dump(mode="json"):
        return latest.version
    store_version(session, post, now=now, actor=post.edited_by)
    return post.version
