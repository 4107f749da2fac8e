"""Defines the tables of the people who work at the desk, and of what they do in their browsers."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from publisher.core.problems import Problem
from publisher.db.base import Base, Index, one_of
from publisher.db.problem_column import ProblemColumn

IS_UNREAD = text("read_at IS NULL")
IS_TO_BE_SENT = text("next_try_at IS NOT NULL")


class Person(Base):
    """Holds somebody of the staff. Without a password: invited, and not here yet."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    """In lower case: what they log in with."""
    name: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(default=list)
    password_hash: Mapped[str | None] = mapped_column(Text)
    totp_secret: Mapped[str | None] = mapped_column(Text)
    """Sealed. None: no second factor."""
    totp_last_step: Mapped[int] = mapped_column(default=0)
    """The newest time step whose code was used: a code works once."""
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str | None] = mapped_column(String(35))
    """The language of the pages that they chose. None: that of the outlet's desk."""
    invite_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    invite_until: Mapped[datetime | None]
    invited_by: Mapped[str] = mapped_column(String(120), default="", server_default="")
    """The name of whoever made the link that sets the password."""
    chat_addresses: Mapped[str | None] = mapped_column(Text)
    """Sealed: Apprise addresses with spaces between, for messages to this person. None: there are none."""
    notification_ways: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """By a `NotificationKind`, the names of the `NotificationWay`s. A kind that is missing is shown on the page."""
    created_at: Mapped[datetime]

    @property
    def actor(self) -> str:
        """The name of this person in the history."""
        return self.email[:120]


class WebSession(Base):
    """Holds a browser that somebody is logged in with. The token itself is known to the browser alone."""

    __tablename__ = "web_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(String(64), default="")
    browser: Mapped[str] = mapped_column(String(200), default="")
    flash: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    """What a page shows once: `tone`, and `text` as data, rendered when it is shown; for which `page` and `until` when.

    Without those two, any page shows it.
    """
    confirmed_at: Mapped[datetime | None]
    """When the person last said, within this session, who they are."""
    connecting: Mapped[str | None] = mapped_column(Text)
    """The log-in of a channel that was begun here, sealed with the session's own token."""

    person: Mapped[Person] = relationship(lazy="joined")


class LoginFailure(Base):
    """Holds a log-in that was refused, for slowing the next ones down."""

    __tablename__ = "login_failure"
    __table_args__ = (
        Index("ix_login_failure_account", "account", "at"),
        Index("ix_login_failure_address", "address", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the kind of what was tried and its name: it need not be anybody's."""
    address: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """The hash of a known browser's token; empty: it came from a browser that nobody logged in with."""
    told: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The person whose account it is was told."""
    at: Mapped[datetime]


class KnownBrowser(Base):
    """Holds a browser that somebody logged in with before. The token itself is known to the browser alone."""

    __tablename__ = "known_browser"
    __table_args__ = (UniqueConstraint("token_hash", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    seen_at: Mapped[datetime] = mapped_column(index=True)


class ApiToken(Base):
    """Holds a program's key to the API, or to the calendar feed."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(default=list)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship(lazy="joined")


class IdempotentAnswer(Base):
    """Holds the answer to a creating request, so that the same request sent again creates nothing."""

    __tablename__ = "idempotent_answer"
    __table_args__ = (UniqueConstraint("person_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    """None: the first request is still being answered."""
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(index=True)


class PostVersion(Base):
    """Holds a post as it was in one of its versions."""

    __tablename__ = "post_version"
    __table_args__ = (UniqueConstraint("post_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"))
    version: Mapped[int]
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(120))
    content: Mapped[dict[str, Any]]
    """A `PostContent` with its pictures by hash."""


class Autosave(Base):
    """Holds what somebody has typed into a post's form, in one tab of a browser, and not saved yet."""

    __tablename__ = "autosave"
    __table_args__ = (UniqueConstraint("post_id", "person_id", "tab"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    based_on: Mapped[int]
    """The version that the form was opened with."""
    tab: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """A random name of the opened form. Empty: it came without a script."""
    typed_at: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """When it was typed, in milliseconds since 1970 by the browser's clock: only a later text replaces it."""
    fields: Mapped[dict[str, Any]]
    saved_at: Mapped[datetime]


class PreviewLink(Base):
    """Holds a secret address that shows one post to somebody without an account. The token itself is not stored."""

    __tablename__ = "preview_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    """For whom it was made."""
    post_version: Mapped[int]
    """The version of the post when the link was made."""
    made_by: Mapped[str] = mapped_column(String(120))
    """The actor who made it."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    visited_at: Mapped[datetime | None]
    """The last visit by somebody without a log-in."""


class Comment(Base):
    """Holds what somebody says about a post: a person of the staff, or whoever has a preview link."""

    __tablename__ = "comment"
    __table_args__ = (CheckConstraint("(person_id IS NULL) <> (preview_link_id IS NULL)", name="author"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    preview_link_id: Mapped[int | None] = mapped_column(ForeignKey("preview_link.id", ondelete="CASCADE"), index=True)
    author_name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    """The name that came with a remark by a preview link. Empty: none was given."""
    at: Mapped[datetime]
    text: Mapped[str] = mapped_column(Text)

    person: Mapped[Person | None] = relationship(lazy="joined")
    preview_link: Mapped[PreviewLink | None] = relationship(lazy="joined")


class NotificationKind(StrEnum):
    """Names what a person is notified of. The names are stored; they never change."""

    REVIEW = "review"
    MENTION = "mention"
    COMMENT = "comment"
    REMARK = "remark"
    """A remark by a preview link."""
    APPROVED = "approved"
    SENT_BACK = "sent-back"


class NotificationWay(StrEnum):
    """Names how a person gets a notification. The names are stored; they never change."""

    PAGE = "page"
    MAIL = "mail"
    CHAT = "chat"


class Notification(Base):
    """Holds something that one person is notified of once: shown on Today, and sent where they want that."""

    __tablename__ = "notification"
    __table_args__ = (
        CheckConstraint(one_of("kind", tuple(kind.value for kind in NotificationKind)), name="kind"),
        Index("ix_notification_person", "person_id", "id"),
        Index("ix_notification_unread", "person_id", sqlite_where=IS_UNREAD, postgresql_where=IS_UNREAD),
        Index("ix_notification_due", "next_try_at", sqlite_where=IS_TO_BE_SENT, postgresql_where=IS_TO_BE_SENT),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10))
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), index=True)
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    actor: Mapped[str] = mapped_column(String(120))
    """Who did it, as people read it."""
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    """Also set at once where the person does not want it on the page."""
    ways: Mapped[list[str]] = mapped_column(default=list)
    """The ways on which it is still to be sent: mail, chat."""
    next_try_at: Mapped[datetime | None]
    """When it is sent next. None: it is sent, given up, was read before, or is not to be sent."""
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    reached: Mapped[list[str]] = mapped_column(default=list)
    """The addresses that have it already, by name, while others don't."""
    send_error: Mapped[Problem | None] = mapped_column(ProblemColumn)
    """Why the last try to send it failed."""

    comment: Mapped[Comment | None] = relationship(lazy="joined")


class Upload(Base):
    """Holds a picture on its way from a browser, in pieces."""

    __tablename__ = "upload"
    __table_args__ = (CheckConstraint("received >= 0 AND received <= size", name="received"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    file_name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int]
    received: Mapped[int] = mapped_column(default=0)
    media_sha256: Mapped[str | None] = mapped_column(String(64))
    """Set when it is whole, inspected and stored."""
    created_at: Mapped[datetime] = mapped_column(index=True)
