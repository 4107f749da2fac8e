"""Builds a post that is stored nowhere, to adapt and preview it while it is written."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.db.models import Media, Post, PostImage
from publisher.posts.drafts import PostContent


def build_unsaved_post(session: Session, content: PostContent) -> Post:
    """Builds the post that this content would make, and empties the session, so that nothing of it can be stored."""
    post = build_post(session, content)
    session.expunge_all()
    return post


def build_post(session: Session, content: PostContent) -> Post:
    """Builds the post that this content would make, outside the session. A picture that is not stored is left out."""
    hashes = [image.media for image in content.images if image.media]
    stored = {media.sha256: media for media in session.scalars(select(Media).where(Media.sha256.in_(hashes)))}
    images = [
        PostImage(
            position=position,
            media_sha256=draft.media,
            media=stored[draft.media],
            alt_text=draft.alt_text,
            credit=draft.credit,
            licence=draft.licence,
            choices=draft.choices.model_dump(mode="json"),
        )
        for position, draft in enumerate(content.images)
        if draft.media in stored
    ]
    plain = content.model_dump(mode="json", exclude={"images", "embargo_until"})
    return Post(state="draft", embargo_until=content.embargo_until, images=images, **plain)
