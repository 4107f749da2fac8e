"""Records what each person is notified of, in the transaction of what happened: so once, and never without it.

What a person wants is a setting of theirs, per kind: shown on Today, sent by mail, sent by chat.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from publisher.collaboration.mentions import mentioned_people
from publisher.db.models import Event
from publisher.db.session import Database
from publisher.db.staff import (
    Comment,
    Notification,
    NotificationKind,
    NotificationWay,
    Person,
    PostVersion,
    PreviewLink,
)
from publisher.staff.roles import Permission, permissions_of

DEFAULT_WAYS = (NotificationWay.PAGE,)
MAX_LISTED = 100


@dataclass(frozen=True, slots=True)
class Occasion:
    """Holds what people are notified of. `actor`: who did it."""

    post_id: int
    actor: str
    now: datetime
    comment_id: int | None = None


def ways_of(person: Person, kind: str) -> list[NotificationWay]:
    """Lists how a person wants to be notified of this kind."""
    stored = person.notification_ways.get(kind)
    if not isinstance(stored, list):
        return list(DEFAULT_WAYS)
    return [way for way in NotificationWay if way in stored]


def set_ways(session: Session, person_id: int, ways: Mapping[NotificationKind, Collection[str]]) -> None:
    """Stores how a person wants to be notified of each kind."""
    chosen = {kind.value: [way.value for way in NotificationWay if way in ways.get(kind, ())] for kind in ways}
    session.get_one(Person, person_id).notification_ways = chosen


def notify_of_review(session: Session, post_id: int, actor: str, now: datetime) -> None:
    """Notifies those who may approve that a post waits for them."""
    staff = staff_of(session)
    approvers = [person for person in staff if Permission.APPROVE in permissions_of(person.roles)]
    _notify(session, NotificationKind.REVIEW, approvers, staff, Occasion(post_id, actor, now))


def notify_of_comment(session: Session, comment: Comment, actor: str, now: datetime) -> None:
    """Notifies those whom a comment mentions, and the others who wrote the post or commented on it."""
    staff = staff_of(session)
    mentioned = mentioned_people(comment.text, staff)
    occasion = Occasion(comment.post_id, actor, now, comment.id)
    _notify(session, NotificationKind.MENTION, mentioned, staff, occasion)
    others = _without(_followers(session, staff, comment.post_id), mentioned)
    _notify(session, NotificationKind.COMMENT, others, staff, occasion)


def notify_of_remark(session: Session, comment: Comment, link: PreviewLink, now: datetime) -> None:
    """Notifies whoever made the link of a remark that came by it, and those who wrote the post or commented on it."""
    staff = staff_of(session)
    makers = [person for person in staff if person.actor == link.made_by]
    recipients = [*makers, *_followers(session, staff, comment.post_id)]
    name = f"{comment.author_name} ({link.name})" if comment.author_name else link.name
    occasion = Occasion(comment.post_id, name, now, comment.id)
    _notify(session, NotificationKind.REMARK, recipients, staff, occasion)


def notify_of_approval(session: Session, post_id: int, actor: str, now: datetime) -> None:
    """Notifies the writers of a post that it is approved."""
    staff = staff_of(session)
    writers = _writers(session, staff, post_id)
    _notify(session, NotificationKind.APPROVED, writers, staff, Occasion(post_id, actor, now))


def notify_of_return(session: Session, post_id: int, reason: Comment | None, actor: str, now: datetime) -> None:
    """Notifies the writers of a post that it is a draft again, and those whom the reason mentions."""
    staff = staff_of(session)
    writers = _writers(session, staff, post_id)
    occasion = Occasion(post_id, actor, now, reason.id if reason else None)
    _notify(session, NotificationKind.SENT_BACK, writers, staff, occasion)
    if reason is not None:
        mentioned = _without(mentioned_people(reason.text, staff), writers)
        _notify(session, NotificationKind.MENTION, mentioned, staff, occasion)


def staff_of(session: Session) -> list[Person]:
    """Lists the people who can log in, by name."""
    query = select(Person).where(Person.active, Person.password_hash.is_not(None)).order_by(Person.name, Person.id)
    return list(session.scalars(query))


def names_of(session: Session) -> list[str]:
    """Lists the names that a comment can mention."""
    return [person.name for person in staff_of(session)]


def unread_count(session: Session, person_id: int) -> int:
    """Counts what a person has not read yet."""
    unread = (Notification.person_id == person_id, Notification.read_at.is_(None))
    return session.scalar(select(func.count()).select_from(Notification).where(*unread)) or 0


def notifications_of(
    session: Session, person_id: int, *, unread_only: bool = False, before: int | None = None, limit: int = MAX_LISTED
) -> list[Notification]:
    """Lists a person's notifications, the newest first."""
    query = select(Notification).where(Notification.person_id == person_id).order_by(Notification.id.desc())
    if unread_only:
        query = query.where(Notification.read_at.is_(None))
    if before is not None:
        query = query.where(Notification.id < before)
    return list(session.scalars(query.limit(limit)))


def mark_read(database: Database, person_id: int, now: datetime, *, notification_id: int | None = None) -> None:
    """Marks one notification of a person as read, or all; what was read is not sent any more."""
    own = Notification.person_id == person_id
    if notification_id is not None:
        own &= Notification.id == notification_id
    read = update(Notification).where(own, Notification.read_at.is_(None)).values(read_at=now, next_try_at=None)
    with database.writing() as session:
        session.execute(read)


def _notify(
    session: Session, kind: NotificationKind, people: Iterable[Person], staff: Iterable[Person], occasion: Occasion
) -> None:
    """Records a notification for each of these people, but not for whoever did it."""
    names = {person.actor: person.name for person in staff}
    for person in {person.id: person for person in people}.values():
        ways = ways_of(person, kind)
        if person.actor == occasion.actor or not ways:
            continue
        to_send = [way.value for way in ways if way is not NotificationWay.PAGE]
        session.add(
            Notification(
                person_id=person.id,
                kind=kind.value,
                post_id=occasion.post_id,
                comment_id=occasion.comment_id,
                actor=names.get(occasion.actor, occasion.actor)[:120],
                at=occasion.now,
                read_at=None if NotificationWay.PAGE in ways else occasion.now,
                ways=to_send,
                next_try_at=occasion.now if to_send else None,
            )
        )


def _without(people: Iterable[Person], others: Iterable[Person]) -> list[Person]:
    excluded = {person.id for person in others}
    return [person for person in people if person.id not in excluded]


def _writers(session: Session, staff: Iterable[Person], post_id: int) -> list[Person]:
    """Lists who wrote a post, or gave it to review."""
    actors = set(session.scalars(select(PostVersion.actor).where(PostVersion.post_id == post_id).distinct()))
    asked = select(Event.actor).where(Event.post_id == post_id, Event.name == "review asked")
    actors |= set(session.scalars(asked.distinct()))
    return [person for person in staff if person.actor in actors]


def _followers(session: Session, staff: Iterable[Person], post_id: int) -> list[Person]:
    """Lists who wrote a post or commented on it."""
    people = list(staff)
    query = select(Comment.person_id).where(Comment.post_id == post_id, Comment.person_id.is_not(None))
    commenters = set(session.scalars(query.distinct()))
    writers = {person.id for person in _writers(session, people, post_id)}
    return [person for person in people if person.id in writers | commenters]
