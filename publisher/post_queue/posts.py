"""Posts: add, edit, withdraw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from publisher import lifecycle
from publisher.adapt.people import People
from publisher.adapt.posts import Target
from publisher.content import AdaptedPost
from publisher.db.models import Delivery, Pick, Post, PostImage
from publisher.db.session import Database
from publisher.media import MediaStore
from publisher.post_queue.channels import adapt_for_channels
from publisher.post_queue.drafts import PostChanges, PostContent, PostDraft
from publisher.post_queue.errors import PostError
from publisher.post_queue.order import last_position
from publisher.post_queue.pictures import duplicate_warnings, picture_rows, take_in
from publisher.post_queue.storing import changing, last_pick, load_post
from publisher.post_queue.versions import keep_version
from publisher.states import FINAL, State


@dataclass(frozen=True, slots=True)
class AddedPost:
    id: int
    warnings: tuple[str, ...]
    """Sentences about pictures that another post shows too."""


@dataclass(frozen=True, slots=True)
class EditOutcome:
    version: int
    back_to_review: bool
    """The post was approved; somebody has to approve the changed one."""
    applies_to: tuple[str, ...]
    """Channels whose delivery was waiting, and now carries the change."""
    too_late: tuple[str, ...]
    """Channels that have, or may have, the post as it was."""
    warnings: tuple[str, ...]


def add_post(
    database: Database,
    store: MediaStore,
    draft: PostDraft,
    now: datetime,
    actor: str = "",
    *,
    besides: Callable[[Session, Post, Sequence[str]], None] | None = None,
) -> AddedPost:
    """Store a post as a draft at the end of the queue, or of the reserve.

    `besides`: writes, in the same transaction, what must be there exactly when the post is; it is given
    the new post and the warnings.

    Raises:
        PostError: a picture can't be used. Then nothing was written.
    """
    pictures = take_in(store, draft.images)
    with database.writing() as session:
        post = Post(
            state="draft",
            position=last_position(session, reserve=draft.reserve),
            reserve=draft.reserve,
            fixed_date=draft.fixed_date,
            edited_by=actor[:120],
            created_at=now,
            updated_at=now,
            images=picture_rows(session, pictures, now),
            **_columns(draft, set(PostContent.model_fields) - {"images"}),
        )
        session.add(post)
        session.flush()
        keep_version(session, post, now=now, actor=actor)
        warnings = duplicate_warnings(session, post)
        detail = {"title": post.title, "warnings": warnings}
        lifecycle.record_event(session, "post added", now=now, post_id=post.id, actor=actor, detail=detail)
        if besides is not None:
            besides(session, post, warnings)
        return AddedPost(post.id, tuple(warnings))


def edit_post(
    database: Database,
    store: MediaStore,
    post_id: int,
    changes: PostChanges,
    *,
    targets: Mapping[str, Target],
    people: People,
    now: datetime,
    expected_version: int | None = None,
    actor: str = "",
) -> EditOutcome:
    """Change a post. An approved one that waits in the queue or in the reserve goes back to review.

    After the pick, the change still reaches the channels whose delivery waits and was never
    sent; the outcome tells which those are.

    Raises:
        PostError: there is no such post, somebody else changed it since `expected_version`, a
            picture can't be used, or a waiting delivery could not carry the change. Then
            nothing was changed.
    """
    pictures = take_in(store, changes.images)
    given = changes.model_fields_set
    with changing(database) as session:
        post = load_post(session, post_id, expected_version)
        pick = last_pick(session, post)
        if "images" in given:
            _replace_pictures(session, post, picture_rows(session, pictures, now))
        back_to_review = post.state == "approved" and (pick is None or post.reserve)
        if back_to_review:
            post.state, post.approved_at = "in_review", None
        for name, value in _columns(changes, given - {"images"}).items():
            setattr(post, name, value)
        post.updated_at, post.edited_by = now, actor[:120]
        # New pictures alone leave the post's own row as it was, and its version must grow.
        flag_modified(post, "updated_at")
        session.flush()
        keep_version(session, post, now=now, actor=actor)
        applies_to, too_late = _adapt_again(session, post, pick, targets, people, now=now)
        detail = {"fields": sorted(given), "applies_to": applies_to, "too_late": too_late}
        lifecycle.record_event(session, "post edited", now=now, post_id=post_id, actor=actor, detail=detail)
        warnings = duplicate_warnings(session, post) if "images" in given else []
        return EditOutcome(post.version, back_to_review, applies_to, too_late, tuple(warnings))


def withdraw_post(
    database: Database, post_id: int, now: datetime, actor: str = "", *, expected_version: int | None = None
) -> None:
    """Take a post out of the queue or the reserve. Approving it brings it back.

    Raises:
        PostError: there is no such post, it is out already, or somebody changed it since `expected_version`.
    """
    with changing(database) as session:
        post = load_post(session, post_id, expected_version)
        pick = last_pick(session, post)
        if pick is not None and (not post.reserve or _unfinished(pick)):
            raise PostError(
                f"post {post_id} was picked for {pick.slot:%Y-%m-%d}; cancel the deliveries that have not gone out"
            )
        if post.state == "withdrawn":
            raise PostError(f"post {post_id} is withdrawn already")
        post.state, post.approved_at, post.updated_at = "withdrawn", None, now
        lifecycle.record_event(session, "post withdrawn", now=now, post_id=post_id, actor=actor)


def _columns(content: PostContent, names: set[str]) -> dict[str, object]:
    """The named fields as the table stores them."""
    plain = content.model_dump(mode="json", include=names)
    return plain | ({"embargo_until": content.embargo_until} if "embargo_until" in names else {})


def _replace_pictures(session: Session, post: Post, rows: list[PostImage]) -> None:
    # The old rows go first: two pictures can't share a position even for a moment.
    post.images.clear()
    session.flush()
    post.images.extend(rows)


def _unfinished(pick: Pick) -> bool:
    return any(State(delivery.state) not in FINAL for delivery in pick.deliveries)


def _adapt_again(
    session: Session, post: Post, pick: Pick | None, targets: Mapping[str, Target], people: People, *, now: datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the waiting deliveries of a pick the changed post: the channels reached, and those too late."""
    if pick is None or (post.reserve and not _unfinished(pick)):
        return (), ()
    fresh = {each.channel: each.adapted for each in adapt_for_channels(post, targets, people)}
    reached = []
    late = []
    # A reply waits only where its post is public, which is told as too late already.
    for delivery in [each for each in pick.deliveries if each.part == 0]:
        adapted = fresh.get(delivery.channel_name)
        if adapted and lifecycle.replace_adapted(session, delivery, adapted, now):
            _refuse_problems(delivery, adapted)
            reached.append(delivery.channel_name)
        else:
            late.append(delivery.channel_name)
    return tuple(reached), tuple(late)


def _refuse_problems(delivery: Delivery, adapted: AdaptedPost) -> None:
    blocking = [problem.message for problem in adapted.problems if problem.blocking]
    if blocking:
        raise PostError(
            f"the channel {delivery.channel_name} waits to publish it and could not carry it: {' '.join(blocking)}"
        )
