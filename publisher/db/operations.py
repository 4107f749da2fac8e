"""Defines the tables that operators look after: channels, their quotas and sessions, processes, alerts."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Double, ForeignKey, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from publisher.core.problems import Problem
from publisher.db.base import Base, Index
from publisher.db.problem_column import ProblemColumn

IS_OPEN_ALERT = text("closed_at IS NULL")
IS_OPEN_WITHOUT_DAY = text("closed_at IS NULL AND day IS NULL")
IS_OPEN_ON_DAY = text("closed_at IS NULL AND day IS NOT NULL")
IS_UNSENT_ALERT = text("sent_at IS NULL OR (closed_at IS NOT NULL AND end_sent_at IS NULL)")


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


class DeskPlaceRow(Base):
    """Holds where the database lay when a desk last worked with it: one row, see `publisher.db.desk_place`."""

    __tablename__ = "desk_place"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    machine: Mapped[str] = mapped_column(String(60))
    path: Mapped[str] = mapped_column(Text)


class AlertKind(StrEnum):
    """Names what an alert is about. The names are stored, and programs get them; they never change."""

    HELD = "held"
    FAILED = "failed"
    MISSED = "missed"
    SECOND_COPY = "second-copy"
    """A post is public twice, or although it was canceled."""
    DIFFERS = "differs"
    """A post is not shown as it was sent."""
    CORRECTION = "correction"
    """A correction of a published post failed."""
    DRAFT = "draft"
    """A draft that no delivery waits for is left on a platform."""
    LATE = "late"
    PAUSED = "paused"
    SILENT = "silent"
    """A channel's platform gives no answers."""
    BUDGET = "budget"
    MISSED_DAY = "missed-day"
    EMPTY = "empty"
    """The day has no post."""
    RESTORED_QUEUE = "restored-queue"
    """Posts wait to be approved again after a restore."""
    COVER = "cover"
    """Few of the coming days have a post."""
    PREFLIGHT = "preflight"
    """The result of examining the next day's post, which may be good."""
    JOB = "job"
    CAPTION = "caption"
    """The captions of a channel can't be made; without a channel: the directory of people can't be read."""
    CLOCK = "clock"
    """This machine's clock differs from those of the platforms."""
    CLOCK_SET = "clock-set"
    CHANGED = "changed"
    """The configuration of a channel was changed after today's pick."""
    CODES = "codes"
    """Somebody typed wrong codes after the right password of a person."""


class Alert(Base):
    """Holds something that is sent to people once: open from when it began until it is over.

    An open alert is one by its kind, channel, delivery, day and occurrence. Where it has no day, another index
    says so, because a unique index takes two rows without a day for different ones.
    """

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "uq_alert_open",
            "kind",
            "channel",
            "delivery_id",
            "occurrence",
            unique=True,
            sqlite_where=IS_OPEN_WITHOUT_DAY,
            postgresql_where=IS_OPEN_WITHOUT_DAY,
        ),
        Index(
            "uq_alert_open_on_day",
            "kind",
            "channel",
            "delivery_id",
            "day",
            "occurrence",
            unique=True,
            sqlite_where=IS_OPEN_ON_DAY,
            postgresql_where=IS_OPEN_ON_DAY,
        ),
        Index("ix_alert_unsent", "next_try_at", sqlite_where=IS_UNSENT_ALERT, postgresql_where=IS_UNSENT_ALERT),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    """An `AlertKind`; a newer version of the program may have stored another word."""
    channel: Mapped[str] = mapped_column(String(40), default="", server_default="")
    """Empty: it is about no channel, or about several."""
    delivery_id: Mapped[int] = mapped_column(default=0, server_default="0")
    """0: it is about none. It is no foreign key, because an alert outlives what it was about."""
    day: Mapped[date | None]
    occurrence: Mapped[str] = mapped_column(String(80), default="", server_default="")
    """Tells a second occurrence from the first, such as the number of the event that began it. It is only compared."""
    headline: Mapped[Problem | None] = mapped_column(ProblemColumn)
    """What is wrong, in a few words."""
    problem: Mapped[Problem | None] = mapped_column(ProblemColumn)
    """What is wrong, and what a person can do. None: it is not known yet, and nothing is sent."""
    ending: Mapped[Problem | None] = mapped_column(ProblemColumn)
    """How it ended. None: it is open, or its end is not worth a message."""
    opened_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    end_sent_at: Mapped[datetime | None]
    """When people got the message that it is over. Also set when that isn't worth a message."""
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    reached: Mapped[list[str]] = mapped_column(default=list)
    """The addresses that have the present message already, by name, while others don't."""
    send_error: Mapped[Problem | None] = mapped_column(ProblemColumn(absent=""), nullable=False)
    """Why the last try to send it failed."""
