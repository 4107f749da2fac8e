"""Finds who changed the published content of a post since somebody else approved it, and refuses them as approvers.

The stored versions decide, not the last name on the post. Whoever only moves a post, comments on it or changes its
embargo has written nothing that followers see. A field that is again what was approved counts for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.field_names import FIELD_NAMES
from publisher.core.messages import _
from publisher.db.models import Event, Post
from publisher.db.staff import PostVersion
from publisher.posts.drafts import PostContent
from publisher.posts.errors import PostError
from publisher.posts.versions import content_of
from publisher.settings import Settings

ACTOR_CHARACTERS = 120
"""The number of characters of a name that are stored with a version."""
UNPUBLISHED = frozenset({"embargo_until"})
"""The fields of a post's content that decide only when it goes out."""
_EMPTY = PostContent(title="-", language="en").model_dump(mode="json") | {"title": "", "language": ""}

Content = Mapping[str, Any]


class OwnWork(PostError):
    """Refuses an approval by an author of the post, where the outlet wants a second person."""

    code = "second-person-needed"


def refuse_own_work(session: Session, post: Post, settings: Settings, actor: str) -> None:
    """Refuses whoever changed the post's content since somebody else approved it, where the outlet wants two people.

    Raises:
        OwnWork: they did; the sentence says what they changed and who can approve.
    """
    if not settings.outlet.second_person:
        return
    name = actor[:ACTOR_CHARACTERS]
    changed = changed_by(session, post, since_approval_by_other_than=name)
    own = sorted(changed.get(name, ()))
    if not own:
        return
    others = sorted(author for author in changed if author not in ("", name))
    fields = [FIELD_NAMES[field] for field in own]
    if not others:
        raise OwnWork(
            _(
                "post {post} has changes by you that nobody else has approved ({fields:list}), and this outlet wants a "
                "second person to approve them; any editor or admin but you can approve it",
                post=post.id,
                fields=fields,
            )
        )
    raise OwnWork(
        _(
            "post {post} has changes by you that nobody else has approved ({fields:list}), and this outlet wants a "
            "second person to approve them; any editor or admin who is not among its authors (you, {others:list}) can "
            "approve it",
            post=post.id,
            fields=fields,
            others=others,
        )
    )


def changed_by(session: Session, post: Post, *, since_approval_by_other_than: str) -> dict[str, set[str]]:
    """Returns who changed which fields of the content since the last approval by anybody but this person.

    Several changes in a row by the same person count as one: what they took back themselves is no change.
    """
    approved = _approved_version(session, post, since_approval_by_other_than)
    history = list(_history(session, post))
    before: Content = _EMPTY
    if approved is not None:
        before = next((content for number, _, content in history if number == approved), _EMPTY)
        history = [version for version in history if version[0] > approved]
    now = _published(content_of(post).model_dump(mode="json"))
    differing = {field for field in now if now[field] != before.get(field)}
    changed: dict[str, set[str]] = {}
    for author, versions in groupby(history, key=lambda version: version[1]):
        *_, (_, _, after) = versions
        if fields := {field for field in differing if after[field] != before.get(field)}:
            changed.setdefault(author, set()).update(fields)
        before = after
    return changed


def _history(session: Session, post: Post) -> Iterator[tuple[int, str, Content]]:
    """Yields the stored versions in order, each with its author; last the post as it is, where that was not stored."""
    query = select(PostVersion).where(PostVersion.post_id == post.id).order_by(PostVersion.version)
    number, last = 0, None
    for version in session.scalars(query):
        number, last = version.version, _published(version.content)
        yield number, version.actor, last
    now = _published(content_of(post).model_dump(mode="json"))
    if now != last:
        # A post from an older desk, which stored the name of the last author only.
        yield number + 1, post.edited_by, now


def _published(content: Content) -> Content:
    return {field: content.get(field, default) for field, default in _EMPTY.items() if field not in UNPUBLISHED}


def _approved_version(session: Session, post: Post, other_than: str) -> int | None:
    """Returns the version that somebody else approved last; None when none was, or when it was taken back since."""
    query = select(Event).where(Event.post_id == post.id).order_by(Event.id.desc())
    decisions = session.scalars(query.where(Event.name.in_(("post approved", "post withdrawn", "undone"))))
    is_last = True
    for event in decisions:
        if event.name == "post withdrawn" or (event.name == "undone" and event.detail.get("act") == "state"):
            return None
        if event.name != "post approved":
            continue
        if event.actor[:ACTOR_CHARACTERS] != other_than:
            # An older desk did not write the version into the event.
            version = event.detail.get("version", post.approved_version if is_last else None)
            return version if isinstance(version, int) else None
        is_last = False
    return None
