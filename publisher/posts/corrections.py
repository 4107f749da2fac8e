"""Corrects a post's own record: what it says, never which pictures it shows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from publisher.core.field_names import FIELD_NAMES
from publisher.core.messages import _
from publisher.db.models import Post
from publisher.posts.approved import record_approval
from publisher.posts.drafts import PictureContent, PostChanges, PostContent
from publisher.posts.errors import PostError
from publisher.posts.versions import content_of, store_version

CORRECTABLE = frozenset(PostContent.model_fields) - {"language", "embargo_until"}
"""The fields of a post that a correction may change."""
PICTURE_TEXTS = ("alt_text", "credit", "licence")


class CorrectionRefused(PostError):
    """Says why a post can't be corrected; nothing was changed."""

    code = "correction-refused"


def corrected_content(post: Post, changes: PostChanges) -> PostContent:
    """Returns what a post says with these changes. Its pictures keep their places and the choices for them.

    Raises:
        CorrectionRefused: a field can't be corrected, or the pictures would be others.
    """
    given = changes.model_fields_set
    if fixed := sorted(given - CORRECTABLE):
        raise CorrectionRefused(
            _("{fields:list} can't be corrected after publication", fields=[FIELD_NAMES[name] for name in fixed])
        )
    content = content_of(post)
    values = {name: getattr(changes, name) for name in given - {"images"}}
    if "images" in given:
        if [image.media for image in changes.images] != [image.media for image in content.images]:
            raise CorrectionRefused(_("the pictures of a published post stay; correct their alt texts and credits"))
        values["images"] = tuple(
            PictureContent.model_validate(
                {**present.model_dump(), **{name: getattr(changed, name) for name in PICTURE_TEXTS}}
            )
            for present, changed in zip(content.images, changes.images, strict=True)
        )
    return content.model_copy(update=values)


def changed_fields(post: Post, content: PostContent) -> list[str]:
    """Lists the fields in which a content differs from the post."""
    before, after = content_of(post).model_dump(mode="json"), content.model_dump(mode="json")
    return [name for name in after if after[name] != before[name]]


def store_correction(session: Session, post: Post, content: PostContent, *, now: datetime, actor: str) -> int:
    """Stores the corrected content as a new version of the post, and returns its number.

    An approved post stays approved, with this version: who corrects a post may approve it. Where nothing differs, no
    version is made.
    """
    plain = content.model_dump(mode="json")
    changed = changed_fields(post, content)
    if not changed:
        return post.version
    for name in changed:
        if name != "images":
            setattr(post, name, plain[name])
    for row, picture in zip(post.images, content.images, strict=True):
        row.alt_text, row.credit, row.licence = picture.alt_text, picture.credit, picture.licence
    post.updated_at, post.edited_by = now, actor[:120]
    # New alt texts alone leave the post's own row as it was, and its version must grow.
    flag_modified(post, "updated_at")
    session.flush()
    store_version(session, post, now=now, actor=actor)
    version = post.version
    if post.state == "approved":
        record_approval(session, post, now)
    return version
