"""Makes, finds and revokes preview links, and stores the remarks that come by them.

A link shows one post to whoever has it, and nothing else. Only a hash of its token is stored.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from publisher.collaboration.notifications import notify_of_remark
from publisher.core.characters import clean_line
from publisher.core.errors import ErrorKind
from publisher.core.messages import _, ngettext
from publisher.core.post_limits import PERSON_NAME
from publisher.db.session import Database
from publisher.db.staff import Comment, PostVersion, PreviewLink
from publisher.lifecycle import record_event
from publisher.posts.errors import PostError
from publisher.posts.post_store import load_post
from publisher.posts.review import clean_comment
from publisher.staff.tokens import hash_of, new_token

LIFETIMES = (7, 14, 30, 90)
"""Days that a link may last."""
DEFAULT_LIFETIME = 14
MAX_LINKS = 20
"""Links of one post that work at the same time."""
MAX_LISTED = 30
MAX_TOKEN_LENGTH = 100
VISIT_PRECISION = timedelta(minutes=1)
"""The precision of `visited_at`: not every view of the page is worth a write."""
HOUR = timedelta(hours=1)
MAX_REMARKS_AN_HOUR = 20
MAX_REMARKS = 200
"""Remarks by one link, in all its time."""


class LinkNotFound(PostError):
    """Says that a post has no such preview link."""

    code = "preview-link-not-found"
    kind = ErrorKind.NOT_FOUND


class TooManyRemarks(PostError):
    """Says that so many remarks came by one link that no more are taken now."""

    code = "too-many-remarks"


@dataclass(frozen=True, slots=True)
class MadeLink:
    """Holds a new link with its token, which is shown once."""

    id: int
    token: str
    expires_at: datetime


def make_link(
    database: Database, post_id: int, name: str, *, days: int = DEFAULT_LIFETIME, now: datetime, actor: str
) -> MadeLink:
    """Makes a link to a post for somebody. Raises PostError: there is no such post, it has too many, or no name."""
    recipient = clean_line(name)[:PERSON_NAME]
    if not recipient:
        raise PostError(_("say for whom the link is, so that it can be told from others"))
    if days not in LIFETIMES:
        raise PostError(
            _("a link lasts {lifetimes:list} days; choose one of these", lifetimes=[str(days) for days in LIFETIMES])
        )
    token = new_token()
    with database.writing() as session:
        post = load_post(session, post_id)
        working = (PreviewLink.post_id == post_id, PreviewLink.revoked_at.is_(None), PreviewLink.expires_at > now)
        if (session.scalar(select(func.count()).select_from(PreviewLink).where(*working)) or 0) >= MAX_LINKS:
            raise PostError(_("this post has {maximum} links that work; revoke one first", maximum=MAX_LINKS))
        link = PreviewLink(
            post_id=post_id,
            token_hash=hash_of(token),
            name=recipient,
            post_version=post.version,
            made_by=actor[:120],
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        session.add(link)
        session.flush()
        detail = {"name": recipient}
        record_event(session, "preview link made", now=now, post_id=post_id, actor=actor, detail=detail)
        return MadeLink(link.id, token, link.expires_at)


def links_of(session: Session, post_id: int) -> list[PreviewLink]:
    """Lists the newest links of a post, the ended ones included."""
    query = select(PreviewLink).where(PreviewLink.post_id == post_id).order_by(PreviewLink.id.desc())
    return list(session.scalars(query.limit(MAX_LISTED)))


def revoke_link(database: Database, post_id: int, link_id: int, *, now: datetime, actor: str) -> None:
    """Ends a link at once. Revoking it again changes nothing. Raises LinkNotFound."""
    with database.writing() as session:
        link = session.get(PreviewLink, link_id)
        if link is None or link.post_id != post_id:
            raise LinkNotFound(_("post {post} has no preview link {link}", post=post_id, link=link_id))
        if link.revoked_at is None:
            link.revoked_at = now
            detail = {"name": link.name}
            record_event(session, "preview link revoked", now=now, post_id=post_id, actor=actor, detail=detail)


def find_link(session: Session, token: str, now: datetime) -> PreviewLink | None:
    """Returns the link of a token, while it works."""
    if len(token) > MAX_TOKEN_LENGTH:
        return None
    token_hash = hash_of(token)
    link = session.scalar(select(PreviewLink).where(PreviewLink.token_hash == token_hash))
    # The database compares hashes, whose beginnings say nothing about the token; this comparison takes the same time.
    if link is None or not hmac.compare_digest(link.token_hash, token_hash):
        return None
    return link if link.revoked_at is None and link.expires_at > now else None


def note_visit(database: Database, link: PreviewLink, now: datetime) -> None:
    """Records that somebody opened the page of a link."""
    if link.visited_at is not None and now - link.visited_at <= VISIT_PRECISION:
        return
    earlier = or_(PreviewLink.visited_at.is_(None), PreviewLink.visited_at < now)
    with database.writing() as session:
        session.execute(update(PreviewLink).where(PreviewLink.id == link.id, earlier).values(visited_at=now))


def changed_at(session: Session, link: PreviewLink) -> datetime | None:
    """Returns when a post got the content that it has now; None: it had it already when the link was made."""
    versions = select(PostVersion).where(PostVersion.post_id == link.post_id).order_by(PostVersion.version.desc())
    newest = session.scalar(versions.limit(1))
    first_shown = session.scalar(versions.where(PostVersion.version <= link.post_version).limit(1))
    if newest is None or first_shown is None or newest.content == first_shown.content:
        return None
    return newest.at


def remarks_of(session: Session, link_id: int) -> list[Comment]:
    """Lists the remarks that came by a link, in order."""
    return list(session.scalars(select(Comment).where(Comment.preview_link_id == link_id).order_by(Comment.id)))


def add_remark(database: Database, link_id: int, author: str, text: str, *, now: datetime) -> None:
    """Stores a remark as a comment on the post. The same remark sent twice within an hour is stored once.

    Raises:
        LinkNotFound: the link has ended.
        TooManyRemarks: there were too many by this link.
        PostError: it is empty or too long.
    """
    remark = clean_comment(text)
    name = clean_line(author)[:PERSON_NAME]
    with database.writing() as session:
        # The lock makes simultaneous remarks count each other.
        link = session.get(PreviewLink, link_id, with_for_update=True)
        if link is None or link.revoked_at is not None or link.expires_at <= now:
            raise LinkNotFound(_("the link has ended"))
        own = select(Comment).where(Comment.preview_link_id == link_id)
        recent = list(session.scalars(own.where(Comment.at > now - HOUR).order_by(Comment.id)))
        if any(comment.text == remark for comment in recent):
            return
        total = session.scalar(select(func.count()).select_from(Comment).where(Comment.preview_link_id == link_id))
        _refuse_flood(len(recent), total or 0)
        comment = Comment(post_id=link.post_id, preview_link_id=link_id, author_name=name, at=now, text=remark)
        session.add(comment)
        session.flush()
        record_event(
            session,
            "remark by preview link",
            now=now,
            post_id=link.post_id,
            actor=f"link:{link_id}",
            detail={"name": link.name},
        )
        notify_of_remark(session, comment, link, now)


def _refuse_flood(recent: int, total: int) -> None:
    if total >= MAX_REMARKS:
        raise TooManyRemarks(_("no more remarks are taken by this link; write to whoever gave it to you"))
    if recent >= MAX_REMARKS_AN_HOUR:
        raise TooManyRemarks(
            ngettext(
                "{count} remark came within an hour, which is all that this page takes; send this one later",
                "{count} remarks came within an hour, which is all that this page takes; send this one later",
                count=recent,
            )
        )
