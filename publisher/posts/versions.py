"""Stores every version of a post as a whole, and loads an earlier one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.messages import _
from publisher.db.models import Post
from publisher.db.staff import PostVersion
from publisher.posts.drafts import PictureContent, PostContent
from publisher.posts.errors import PostError
from publisher.posts.search_index import index_post


def content_of(post: Post) -> PostContent:
    """Returns what a post says and shows, as it could be handed in again."""
    names = set(PostContent.model_fields) - {"images"}
    images = tuple(
        PictureContent.model_validate(
            {
                "media": image.media_sha256,
                "alt_text": image.alt_text,
                "credit": image.credit,
                "licence": image.licence,
                "choices": image.choices,
            }
        )
        for image in post.images
    )
    return PostContent.model_validate({**{name: getattr(post, name) for name in names}, "images": images})


def store_version(session: Session, post: Post, *, now: datetime, actor: str) -> None:
    """Stores the post as it is now as a version, and what it is found by. Call it with every change of its texts."""
    content = content_of(post).model_dump(mode="json")
    session.add(PostVersion(post_id=post.id, version=post.version, at=now, actor=actor[:120], content=content))
    index_post(session, post)


def versions_of(session: Session, post_id: int) -> list[PostVersion]:
    """Returns all versions of a post, the newest first."""
    query = select(PostVersion).where(PostVersion.post_id == post_id).order_by(PostVersion.version.desc())
    return list(session.scalars(query))


def load_version(session: Session, post_id: int, version: int) -> PostContent:
    """Returns the content of a post in one version. Raises PostError when that was not stored."""
    query = select(PostVersion.content).where(PostVersion.post_id == post_id, PostVersion.version == version)
    content = session.scalar(query)
    if content is None:
        raise PostError(_("version {version} of post {post} was not kept", version=version, post=post_id))
    return PostContent.model_validate(content)


def content_at(session: Session, post_id: int, version: int) -> PostContent | None:
    """Returns what a post said when its number was `version`, which grows with other changes too; None: not kept."""
    query = select(PostVersion.content).where(PostVersion.post_id == post_id, PostVersion.version <= version)
    content = session.scalar(query.order_by(PostVersion.version.desc()).limit(1))
    return None if content is None else PostContent.model_validate(content)
