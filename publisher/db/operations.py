"""Defines the tables that operators look after: channels, their quotas and sessions, processes, alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Double, ForeignKey, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from publisher.core.problems import Problem
from publisher.db.base import Base, Index
from publisher.db.problem_column import ProblemColumn

IS_OPEN_NOTICE = text("closed_at IS NULL")
UNTOLD = text("told_at IS NULL OR (closed_at IS NOT NULL AND recovery_told_at IS NULL)")


class Channel(Base):
    """Holds what must be remembered about a channel of the configuration."""

    __tablename__ = "channel"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    platform: Mapped[str] = mapped_column(String(20))
    paused_at: Mapped[datetime | None]
    pause_problem: Mapped[Problem | None] = mapped_column(ProblemColumn)
    """Why it is paused."""
    paused_by: Mapped[str] = mapped_column(String(120), default="", server_default="")
    """Who paused it by hand. Empty: the desk did, because the platform refused the account."""
    next_publish_at: Mapped[datetime | None]
    """Not before this instant: a rate limit, or the pace of the platform."""
    clock_ahead_seconds: Mapped[float | None] = mapped_column(Double)
    """How far the platform's clock is ahead of ours, by its last answer. None: it has not given it yet."""
    clock_seen_at: Mapped[datetime | None]


class Quota(Base):
    """Holds what a platform last said about how much a channel may still do."""

    __tablename__ = "quota"

    channel_name: Mapped[str] = mapped_column(ForeignKey("channel.name", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    maximum: Mapped[int]
    remaining: Mapped[int]
    resets_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class ChannelSession(Base):
    """Holds what a platform handed out after a log-in, encrypted: for desks of several machines."""

    __tablename__ = "channel_session"

    channel_name: Mapped[str] = mapped_column(ForeignKey("channel.name", ondelete="CASCADE"), primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime]


class Process(Base):
    """Holds a process of the desk, and when it was last heard of."""

    __tablename__ = "process"

    owner: Mapped[str] = mapped_column(String(120), primary_key=True)
    role: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)


class Alert(Base):
    """Holds something that people are told once: open from when it began until it is over."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("uq_alert_open", "subject", unique=True, sqlite_where=IS_OPEN_NOTICE, postgresql_where=IS_OPEN_NOTICE),
        Index("ix_alert_unsent", "next_try_at", sqlite_where=UNTOLD, postgresql_where=UNTOLD),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(80))
    """What it is about, such as `held 12`: one open alert each."""
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
    """What is wrong, and the one command or link that mends it."""
    opened_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    recovery_told_at: Mapped[datetime | None]
    """When people were told that it is over. Also set when that isn't worth a message."""
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    reached: Mapped[list[str]] = mapped_column(default=list)
    """The addresses that have the present message already, by name, while others don't."""
    trouble: Mapped[str] = mapped_column(Text, default="")
    """Why the last try to send it failed."""
