"""Defines the tables of webhooks and of the messages on their way to them."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from publisher.core.problems import Problem
from publisher.db.base import Base, Index
from publisher.db.problem_column import ProblemColumn

IS_UNSENT = text("sent_at IS NULL AND given_up_at IS NULL")


class Webhook(Base):
    """Holds an address that gets events."""

    __tablename__ = "webhook"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)
    """Sealed: what the messages are signed with."""
    events: Mapped[list[str]] = mapped_column(default=list)
    """Names of the events that it gets. Empty: all."""
    active: Mapped[bool] = mapped_column(default=True)
    last_event: Mapped[int] = mapped_column(default=0)
    """The id of the newest event that was looked at for it."""
    created_at: Mapped[datetime]


class WebhookMessage(Base):
    """Holds one event on its way to one webhook."""

    __tablename__ = "webhook_message"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        Index("ix_webhook_message_due", "next_try_at", sqlite_where=IS_UNSENT, postgresql_where=IS_UNSENT),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    status: Mapped[int | None]
    trouble: Mapped[Problem | None] = mapped_column(ProblemColumn(absent=""), nullable=False)
    """Why the last try failed."""

    webhook: Mapped[Webhook] = relationship(lazy="joined")
