"""Defines the tables of posts, picks and deliveries. The database refuses impossible states, too."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from publisher.core import states
from publisher.core.content import ImageChoices
from publisher.core.problems import Problem
from publisher.core.states import State
from publisher.db.base import Base, Index, one_of
from publisher.db.operations import Channel
from publisher.db.problem_column import ProblemColumn, ProblemsColumn

STATES = tuple(state.value for state in State)
LEASED = tuple(state.value for state in states.LEASED)
IN_FLIGHT = text(one_of("state", LEASED))
WAITING = text("state = 'approved' AND NOT reserve AND fixed_date IS NULL AND last_shown_on IS NULL")
DATED = text("fixed_date IS NOT NULL")
NOT_PUBLIC = text("remote_id IS NULL")
HAS_REMOTE_ID = text("remote_id IS NOT NULL")
PENDING = text("state = 'pending'")
TO_VERIFY = text("verify_at IS NOT NULL")
PUBLISHED = text("published_at IS NOT NULL")


class Media(Base):
    """Holds an original, stored under its hash."""

    __tablename__ = "media"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    file_name: Mapped[str] = mapped_column(String(255))
    format: Mapped[str] = mapped_column(String(8))
    width: Mapped[int]
    height: Mapped[int]
    bits: Mapped[int] = mapped_column(default=8)
    frames: Mapped[int] = mapped_column(default=1)
    bytes: Mapped[int]
    phash: Mapped[str | None] = mapped_column(String(64))
    """256-bit perceptual hash, in hexadecimal."""
    gutters: Mapped[list[float]] = mapped_column(default=list)
    """Where a composite's panels meet, as fractions of its width: found at intake."""
    warnings: Mapped[list[Problem]] = mapped_column(ProblemsColumn, default=list)
    created_at: Mapped[datetime]


class Post(Base):
    """Holds what staff write. `position` orders the queue; the reserve is a queue of its own."""

    __tablename__ = "post"
    __table_args__ = (
        CheckConstraint(one_of("state", ("draft", "in_review", "approved", "withdrawn")), name="state"),
        CheckConstraint("(state = 'approved') = (approved_at IS NOT NULL)", name="approved"),
        Index(
            "ix_post_ready",
            "reserve",
            "position",
            sqlite_where=text("state = 'approved'"),
            postgresql_where=text("state = 'approved'"),
        ),
        Index("ix_post_waiting", "position", "id", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_post_fixed_date", "fixed_date", sqlite_where=DATED, postgresql_where=DATED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="draft")
    version: Mapped[int] = mapped_column(default=1)
    position: Mapped[float]
    reserve: Mapped[bool] = mapped_column(default=False)
    fixed_date: Mapped[date | None]
    embargo_until: Mapped[datetime | None]
    title: Mapped[str] = mapped_column(Text)
    standfirst: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[str] = mapped_column(Text, default="")
    written_by: Mapped[str] = mapped_column(Text, default="")
    credit: Mapped[str] = mapped_column(Text, default="")
    licence: Mapped[str] = mapped_column(Text, default="")
    link: Mapped[str] = mapped_column(Text, default="")
    links: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    tags: Mapped[list[str]] = mapped_column(default=list)
    language: Mapped[str] = mapped_column(String(16), default="en")
    captions: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Captions written by hand, by channel name, or by `lang:` and a language."""
    translations: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By language: `title`, `standfirst`, `body`, `credit`, `alt_texts` (one per image)."""
    last_shown_on: Mapped[date | None]
    edited_by: Mapped[str] = mapped_column(String(120), default="", server_default="")
    """Who changed it last, as the history names people."""
    approved_at: Mapped[datetime | None]
    approved_version: Mapped[int | None]
    """The kept version that was approved last: the only one whose text goes out. A post that was changed since is in
    another state than `approved`."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    images: Mapped[list[PostImage]] = relationship(
        back_populates="post", order_by="PostImage.position", cascade="all, delete-orphan", lazy="selectin"
    )
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - the base class declares it per instance


class PostImage(Base):
    __tablename__ = "post_image"
    __table_args__ = (UniqueConstraint("post_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"))
    position: Mapped[int]
    media_sha256: Mapped[str] = mapped_column(ForeignKey("media.sha256"), index=True)
    alt_text: Mapped[str] = mapped_column(Text, default="")
    credit: Mapped[str] = mapped_column(Text, default="")
    licence: Mapped[str] = mapped_column(Text, default="")
    choices: Mapped[dict[str, Any]] = mapped_column(default=lambda: ImageChoices().model_dump(mode="json"))

    post: Mapped[Post] = relationship(back_populates="images")
    media: Mapped[Media] = relationship(lazy="joined")


class Pick(Base):
    """Holds the decision which post fills a slot. One per local day; `post_id` is empty for an empty day."""

    __tablename__ = "pick"
    __table_args__ = (
        CheckConstraint(one_of("reason", ("fixed date", "queue", "reserve", "empty", "missed")), name="reason"),
        CheckConstraint("(reason IN ('empty', 'missed')) = (post_id IS NULL)", name="post"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slot: Mapped[date] = mapped_column(unique=True)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"), index=True)
    reason: Mapped[str] = mapped_column(String(10))
    picked_at: Mapped[datetime]

    post: Mapped[Post | None] = relationship()
    deliveries: Mapped[list[Delivery]] = relationship(back_populates="pick", order_by="Delivery.id")


class Delivery(Base):
    """Holds one pick for one channel, or one reply that continues it. Only `publisher.lifecycle` changes `state`."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("pick_id", "channel_name", "part"),
        CheckConstraint(one_of("state", STATES), name="state"),
        CheckConstraint(f"({one_of('state', LEASED)}) = (lease_until IS NOT NULL)", name="lease"),
        CheckConstraint("(lease_until IS NULL) = (lease_owner IS NULL)", name="owner"),
        CheckConstraint("(state = 'published') = (remote_id IS NOT NULL)", name="remote_id"),
        CheckConstraint("state NOT IN ('publishing', 'unconfirmed') OR idempotency_key IS NOT NULL", name="key"),
        Index("uq_delivery_in_flight", "channel_name", unique=True, sqlite_where=IN_FLIGHT, postgresql_where=IN_FLIGHT),
        Index(
            "ix_delivery_due", "channel_name", "state", "due_at", sqlite_where=NOT_PUBLIC, postgresql_where=NOT_PUBLIC
        ),
        Index(
            "uq_delivery_remote_id",
            "channel_name",
            "remote_id",
            unique=True,
            sqlite_where=HAS_REMOTE_ID,
            postgresql_where=HAS_REMOTE_ID,
        ),
        Index("ix_delivery_expires", "state", "expires_at", sqlite_where=PENDING, postgresql_where=PENDING),
        Index(
            "ix_delivery_verify",
            "channel_name",
            "state",
            "verify_at",
            sqlite_where=TO_VERIFY,
            postgresql_where=TO_VERIFY,
        ),
        Index("ix_delivery_published", "published_at", sqlite_where=PUBLISHED, postgresql_where=PUBLISHED),
        Index("ix_delivery_lease", "lease_until", sqlite_where=IN_FLIGHT, postgresql_where=IN_FLIGHT),
        Index("ix_delivery_state", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pick_id: Mapped[int] = mapped_column(ForeignKey("pick.id"))
    channel_name: Mapped[str] = mapped_column(ForeignKey("channel.name"))
    part: Mapped[int] = mapped_column(default=0)
    """0: the post. From 1: the replies that continue it, in order."""
    state: Mapped[str] = mapped_column(String(12), default="pending")
    fence: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(120))
    lease_until: Mapped[datetime | None]
    due_at: Mapped[datetime]
    """When it is looked at next, in the states that wait for the clock."""
    scheduled_at: Mapped[datetime]
    """When followers should have it: the channel's hour on the day of the slot."""
    expires_at: Mapped[datetime]
    """Too late from here on, by the outlet's lateness rule."""
    token: Mapped[str] = mapped_column(String(12), unique=True)
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    preparation: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """The `Preparation` of the last publishing request."""
    adapted: Mapped[dict[str, Any]]
    """The `AdaptedPost`, frozen when the post was picked."""
    tries: Mapped[int] = mapped_column(default=0)
    """Failed tries in a row, for the backoff."""
    lookups: Mapped[int] = mapped_column(default=0)
    """Look-ups since the outcome became unknown."""
    clean_lookups: Mapped[int] = mapped_column(default=0)
    """Of these, how many read that the post is absent."""
    lost_requests: Mapped[int] = mapped_column(default=0)
    """How many requests in a row got no answer and left no post."""
    lost_workers: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many workers in a row were gone while they prepared it."""
    unknown_since: Mapped[datetime | None]
    """Since when the outcome of a request is unknown: until it is settled, the post may be public."""
    reported_public: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The platform said that it has this very post: it is never sent again because a listing does not show it."""
    verify_at: Mapped[datetime | None]
    """When a published post is read back. Empty: done, or never."""
    sent_at: Mapped[datetime | None]
    """When a publishing request with the present key was first begun: no copy of it can be older."""
    remote_id: Mapped[str | None] = mapped_column(String(120))
    remote_url: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[datetime | None]
    problem: Mapped[Problem | None] = mapped_column(ProblemColumn)
    """What is wrong, and what a person can do. None: nothing is."""

    pick: Mapped[Pick] = relationship(back_populates="deliveries")
    channel: Mapped[Channel] = relationship(viewonly=True)
    attempts: Mapped[list[Attempt]] = relationship(back_populates="delivery", order_by="Attempt.id")

    @property
    def place(self) -> str:
        """Returns the channel, and which part of a thread it is: `x`, then `x, part 2`."""
        return f"{self.channel_name}, part {self.part + 1}" if self.part else self.channel_name


class Attempt(Base):
    """Holds one try at a delivery: a send, a look-up or a read-back."""

    __tablename__ = "attempt"
    __table_args__ = (CheckConstraint(one_of("kind", ("send", "lookup", "verify")), name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    fence: Mapped[int]
    worker: Mapped[str] = mapped_column(String(120))
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(24))
    """An `AttemptOutcome`; empty while it runs."""
    status: Mapped[int | None]
    request_id: Mapped[str | None] = mapped_column(String(120))
    detail: Mapped[str] = mapped_column(Text, default="")
    """What the platform answered, shortened, or the links of posts that were found."""
    problem: Mapped[Problem | None] = mapped_column(ProblemColumn)
    """What was wrong. An older attempt has it in `detail`."""
    cost_micros: Mapped[int] = mapped_column(default=0, server_default="0")
    """The price of this request, in millionths of a US dollar, as far as the platform's prices are known."""

    delivery: Mapped[Delivery] = relationship(back_populates="attempts")


class Event(Base):
    """Holds what happened, in order: every change of a state and every act of a person."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_name", "name", "id"), Index("ix_event_actor", "actor", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(40))
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("delivery.id"), index=True)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"), index=True)
    actor: Mapped[str] = mapped_column(String(120), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
