"""Says in a sentence what a person is notified of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.messages import Message, _
from publisher.db.models import Post
from publisher.db.staff import Notification, NotificationKind

MAX_EXCERPT = 300
KIND_NAMES = {
    NotificationKind.REVIEW: _("A post waits for your review"),
    NotificationKind.MENTION: _("Somebody mentions you in a comment"),
    NotificationKind.COMMENT: _("A comment on a post that you wrote or commented on"),
    NotificationKind.REMARK: _("A remark by a preview link that you made, or on such a post"),
    NotificationKind.APPROVED: _("Your post is approved"),
    NotificationKind.SENT_BACK: _("Your post is sent back"),
}


@dataclass(frozen=True, slots=True)
class DescribedNotification:
    """Holds a notification as a person reads it."""

    id: int
    sentence: Message
    excerpt: str
    """The beginning of the comment. Empty: there is none."""
    at: datetime
    is_read: bool
    post_id: int
    comment_id: int | None


def describe(session: Session, notifications: Sequence[Notification]) -> list[DescribedNotification]:
    """Describes notifications, in their order."""
    posts = {notification.post_id for notification in notifications}
    titles = {row.id: row.title for row in session.execute(select(Post.id, Post.title).where(Post.id.in_(posts)))}
    return [
        DescribedNotification(
            id=notification.id,
            sentence=_sentence(notification, titles.get(notification.post_id, "")),
            excerpt=shorten(notification.comment.text) if notification.comment else "",
            at=notification.at,
            is_read=notification.read_at is not None,
            post_id=notification.post_id,
            comment_id=notification.comment_id,
        )
        for notification in notifications
    ]


def shorten(text: str) -> str:
    """Returns the beginning of a comment."""
    return text if len(text) <= MAX_EXCERPT else f"{text[:MAX_EXCERPT].rstrip()} …"


def _sentence(notification: Notification, title: str) -> Message:
    person, post = notification.actor or _("Somebody"), " ".join(title.split())
    match NotificationKind(notification.kind):
        case NotificationKind.REVIEW:
            return _("{person} asks for a review of “{post}”.", person=person, post=post)
        case NotificationKind.MENTION:
            return _("{person} mentions you on “{post}”.", person=person, post=post)
        case NotificationKind.COMMENT:
            return _("{person} comments on “{post}”.", person=person, post=post)
        case NotificationKind.REMARK:
            return _("{person} writes a remark on “{post}”, by a preview link.", person=person, post=post)
        case NotificationKind.APPROVED:
            return _("{person} has approved “{post}”.", person=person, post=post)
        case NotificationKind.SENT_BACK:
            return _("{person} has sent “{post}” back: it is a draft again.", person=person, post=post)
