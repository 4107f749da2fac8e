"""Adds, edits and withdraws posts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from publisher import lifecycle
from publisher.core.content import ImageChoices
from publisher.core.messages import _
from publisher.core.problems import Problem
from publisher.db.models import Post, PostImage
from publisher.db.session import Database
from publisher.media import MediaStore
from publisher.posts.approved import changeable_pick, end_approval, reach_of, refuse_while_it_may_go_out
from publisher.posts.drafts import PostChanges, PostContent, PostDraft
from publisher.posts.errors import PostError
from publisher.posts.pictures import StoredPicture, picture_rows, store_pictures
from publisher.posts.post_store import changing_post, last_pick, last_position, load_post
from publisher.posts.repeats import duplicate_warnings
from publisher.posts.versions import store_version


@dataclass(frozen=True, slots=True)
class AddedPost:
    """Holds the id of a new post, and warnings."""

    id: int
    warnings: tuple[Problem, ...]
    """About pictures and texts that another post has too."""


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """Holds what an edit changed, and which channels it can still reach."""

    version: int
    back_to_review: bool
    """The post was approved; somebody has to approve the changed one."""
    applies_to: tuple[str, ...]
    """Channels whose delivery waits: it keeps the approved text, and gets this one when somebody approves it."""
    too_late: tuple[str, ...]
    """Channels that have, or may have, the post as it was."""
    warnings: tuple[Problem, ...]
    unchanged: bool = False
    """The post was like this already: it has no new version, and keeps its approval."""


def add_post(
    database: Database,
    store: MediaStore,
    draft: PostDraft,
    now: datetime,
    actor: str = "",
    *,
    also_write: Callable[[Session, Post, Sequence[Problem]], None] | None = None,
) -> AddedPost:
    """Stores a post as a draft at the end of the queue, or of the reserve.

    `also_write`: writes, in the same transaction, what must exist exactly when the post does; it is called with the
    new post and the warnings.

    Raises:
        PostError: a picture can't be used. Then nothing was written.
    """
    pictures = store_pictures(store, draft.images)
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
            **content_columns(draft, set(PostContent.model_fields) - {"images"}),
        )
        session.add(post)
        session.flush()
        store_version(session, post, now=now, actor=actor)
        warnings = duplicate_warnings(session, post)
        detail = {"title": post.title, "warnings": [warning.to_json() for warning in warnings]}
        lifecycle.record_event(session, "post added", now=now, post_id=post.id, actor=actor, detail=detail)
        if also_write is not None:
            also_write(session, post, warnings)
        return AddedPost(post.id, tuple(warnings))


def edit_post(
    session: Session,
    post: Post,
    changes: PostChanges,
    pictures: Sequence[StoredPicture],
    *,
    now: datetime,
    actor: str,
) -> EditOutcome:
    """Changes a post within a transaction, unless it is like that already. `pictures`: those of the changes, stored."""
    given = changes.model_fields_set
    if is_like(post, changes, pictures):
        return unchanged_post(post)
    back_to_review = post.state == "approved"
    if back_to_review:
        end_approval(session, post, "in_review", now)
    if "images" in given:
        replace_pictures(session, post, picture_rows(session, pictures, now))
    for name, value in content_columns(changes, given - {"images"}).items():
        setattr(post, name, value)
    post.updated_at, post.edited_by = now, actor[:120]
    # New pictures alone leave the post's own row as it was, and its version must grow.
    flag_modified(post, "updated_at")
    session.flush()
    store_version(session, post, now=now, actor=actor)
    reach = reach_of(changeable_pick(last_pick(session, post), post))
    detail = {"fields": sorted(given), "applies_to": reach.applies_to, "too_late": reach.too_late}
    lifecycle.record_event(session, "post edited", now=now, post_id=post.id, actor=actor, detail=detail)
    warnings = duplicate_warnings(session, post) if given & {"images", "body", "title", "standfirst"} else []
    return EditOutcome(post.version, back_to_review, reach.applies_to, reach.too_late, tuple(warnings))


def is_like(post: Post, changes: PostChanges, pictures: Sequence[StoredPicture]) -> bool:
    """Decides whether a post has the contents of a change already. `pictures`: those of the change, stored."""
    given = changes.model_fields_set
    texts = content_columns(changes, given - {"images"})
    if any(getattr(post, name) != value for name, value in texts.items()):
        return False
    return "images" not in given or list(map(_shown, post.images)) == list(map(_to_show, pictures))


def _shown(image: PostImage) -> tuple[str, str, str, str, dict[str, object]]:
    # Choices that were stored by an older desk may lack some, which then have their defaults.
    choices = ImageChoices.model_validate(image.choices).model_dump(mode="json")
    return image.media_sha256, image.alt_text, image.credit, image.licence, choices


def _to_show(picture: StoredPicture) -> tuple[str, str, str, str, dict[str, object]]:
    draft = picture.draft
    return picture.sha256, draft.alt_text, draft.credit, draft.licence, draft.choices.model_dump(mode="json")


def unchanged_post(post: Post) -> EditOutcome:
    """Returns the outcome of an edit that changes nothing."""
    return EditOutcome(post.version, back_to_review=False, applies_to=(), too_late=(), warnings=(), unchanged=True)


def withdraw_post(
    database: Database, post_id: int, now: datetime, actor: str = "", *, expected_version: int | None = None
) -> None:
    """Takes a post out of the queue or the reserve. Approving it brings it back.

    Raises:
        PostError: there is no such post, it is withdrawn already, a delivery of it may still go out, or somebody
            changed it since `expected_version`.
    """
    with changing_post(database) as session:
        post = load_post(session, post_id, expected_version)
        refuse_while_it_may_go_out(session, post)
        if post.state == "withdrawn":
            raise PostError(_("post {post} is withdrawn already", post=post_id))
        end_approval(session, post, "withdrawn", now)
        lifecycle.record_event(session, "post withdrawn", now=now, post_id=post_id, actor=actor)


def content_columns(content: PostContent, names: set[str]) -> dict[str, object]:
    """Returns the named fields as the table stores them."""
    plain = content.model_dump(mode="json", include=names)
    return plain | ({"embargo_until": content.embargo_until} if "embargo_until" in names else {})


def replace_pictures(session: Session, post: Post, rows: list[PostImage]) -> None:
    """Gives a post other pictures within a transaction."""
    # The old rows go first: two pictures can't share a position even for a moment.
    post.images.clear()
    session.flush()
    post.images.extend(rows)
