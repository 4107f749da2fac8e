"""Defines the tables of posts, picks and deliveries. The database refuses impossible states, too."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    String,
    Text,
    UniqueConstraint,
    event,
    false,
    inspect,
    select,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from publisher.core import states
from publisher.core.alt_texts import is_alt_text
from publisher.core.colour_channels import ColourChannel
from publisher.core.content import ImageChoices
from publisher.core.problems import Problem
from publisher.core.states import State
from publisher.core.text_digest import text_digest
from publisher.core.value_range import ValueFacts
from publisher.db.base import Base, Index, one_of
from publisher.db.operations import Channel
from publisher.db.problem_column import ProblemColumn, ProblemsColumn

STATES = tuple(state.value for state in State)
LEASED = tuple(state.value for state in states.LEASED)
WITHOUT_ALT_TEXT = text("NOT has_alt_text")
IN_FLIGHT = text(one_of("state", LEASED))
WAITING = text("state = 'approved' AND NOT reserve AND fixed_date IS NULL AND last_shown_on IS NULL")
IN_LINE = text("state <> 'withdrawn' AND NOT reserve AND fixed_date IS NULL AND last_shown_on IS NULL")
"""Waits in the queue, approved or not."""
UNDATED_DRAFT = text("state IN ('draft', 'in_review') AND NOT reserve AND fixed_date IS NULL AND last_shown_on IS NULL")
IN_RESERVE = text("state <> 'withdrawn' AND reserve AND fixed_date IS NULL")
WAITS_FOR_DATE = text(
    "state <> 'withdrawn' AND fixed_date IS NOT NULL"
    " AND (reserve OR last_shown_on IS NULL OR last_shown_on < fixed_date)"
)
"""Waits for its fixed date. A post that was shown on that day does not wait any more."""
READY_RESERVE = text("state = 'approved' AND reserve AND fixed_date IS NULL")
UNAPPROVED = text("state <> 'approved' AND (state <> 'draft' OR published_elsewhere_on IS NULL)")
"""Is a draft, waits for review or was withdrawn. What was published elsewhere is no draft."""
STALE_WORDS = text("words_stale")
DATED = text("fixed_date IS NOT NULL")
EMBARGOED = text("embargo_until IS NOT NULL")
SHOWN = text("last_shown_on IS NOT NULL")
FROM_ELSEWHERE = text("published_elsewhere_on IS NOT NULL")
NOT_PUBLIC = text("remote_id IS NULL")
HAS_REMOTE_ID = text("remote_id IS NOT NULL")
BY_SLOT = text("slot IS NOT NULL")
"""True of every delivery. SQLite takes the indexes of the lists only for a query that says it; it has no statistics,
and would take them for queries that have better ones."""
HAS_PROBLEM = text("problem IS NOT NULL")
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
    value_facts: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Which values a picture with more than 8 bits has; None: not known, or it has 8 bits. See `values`."""
    channel_facts: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """The colour channels of a picture that has several to be merged. See `colour_channels`."""
    created_at: Mapped[datetime]

    @property
    def colour_channels(self) -> tuple[ColourChannel, ...]:
        return tuple(ColourChannel.from_json(facts) for facts in self.channel_facts or ())

    @property
    def values(self) -> ValueFacts | None:
        return None if self.value_facts is None else ValueFacts.from_json(self.value_facts)


class Post(Base):
    """Holds what staff write. `position` orders the queue; the reserve is a queue of its own."""

    __tablename__ = "post"
    __table_args__ = (
        CheckConstraint(one_of("state", ("draft", "in_review", "approved", "withdrawn")), name="state"),
        CheckConstraint("(state = 'approved') = (approved_at IS NOT NULL)", name="approved"),
        Index("ix_post_position", "reserve", "position"),
        Index("ix_post_waiting", "position", "id", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_post_fixed_date", "fixed_date", sqlite_where=DATED, postgresql_where=DATED),
        Index("ix_post_creation_key", "creation_key", unique=True),
        Index("ix_post_source_key", "source_key", unique=True),
        Index("ix_post_source_digest", "source_digest", unique=True),
        Index("ix_post_line", "position", "id", sqlite_where=IN_LINE, postgresql_where=IN_LINE),
        Index("ix_post_line_state", "state", "position", "id", sqlite_where=IN_LINE, postgresql_where=IN_LINE),
        Index("ix_post_reserve", "position", "id", sqlite_where=IN_RESERVE, postgresql_where=IN_RESERVE),
        Index("ix_post_reserve_state", "state", "position", "id", sqlite_where=IN_RESERVE, postgresql_where=IN_RESERVE),
        Index(
            "ix_post_reserve_shown",
            "last_shown_on",
            "position",
            "id",
            sqlite_where=READY_RESERVE,
            postgresql_where=READY_RESERVE,
        ),
        Index(
            "ix_post_dated",
            "fixed_date",
            "position",
            "id",
            sqlite_where=WAITS_FOR_DATE,
            postgresql_where=WAITS_FOR_DATE,
        ),
        Index(
            "ix_post_dated_state",
            "state",
            "fixed_date",
            "position",
            "id",
            sqlite_where=WAITS_FOR_DATE,
            postgresql_where=WAITS_FOR_DATE,
        ),
        Index("ix_post_drafts", "updated_at", "id", sqlite_where=UNDATED_DRAFT, postgresql_where=UNDATED_DRAFT),
        Index("ix_post_embargo", "embargo_until", sqlite_where=EMBARGOED, postgresql_where=EMBARGOED),
        Index("ix_post_unapproved", "state", "id", sqlite_where=UNAPPROVED, postgresql_where=UNAPPROVED),
        Index("ix_post_stale_words", "id", sqlite_where=STALE_WORDS, postgresql_where=STALE_WORDS),
        Index("ix_post_last_shown_on", "last_shown_on", "id", sqlite_where=SHOWN, postgresql_where=SHOWN),
        Index("ix_post_shown", "id", sqlite_where=SHOWN, postgresql_where=SHOWN),
        Index(
            "ix_post_elsewhere",
            "published_elsewhere_on",
            "id",
            sqlite_where=FROM_ELSEWHERE,
            postgresql_where=FROM_ELSEWHERE,
        ),
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
    text_digest: Mapped[str | None] = mapped_column(String(64), index=True)
    """Equal for posts with the same text. Set whenever a post is stored."""
    last_shown_on: Mapped[date | None]
    published_elsewhere_on: Mapped[date | None]
    """The day on which it was published before it came into this desk: it has no pick and no delivery, and the queue
    never had it. None: this desk publishes it."""
    words_stale: Mapped[bool] = mapped_column(default=True, server_default=true())
    """The search index does not have its present texts: see `publisher.posts.search_index`."""
    edited_by: Mapped[str] = mapped_column(String(120), default="", server_default="")
    """Who changed it last, as the history names people."""
    approved_at: Mapped[datetime | None]
    creation_key: Mapped[str | None] = mapped_column(String(64))
    """Names the form that made it, so that the same form sent again makes no second post."""
    source_key: Mapped[str | None] = mapped_column(String(64))
    """Names the file that it was added from."""
    source_digest: Mapped[str | None] = mapped_column(String(64))
    """Identifies what that file and its pictures held, so that the same ones added again make no second post."""
    intended_repeats: Mapped[list[int]] = mapped_column(default=list, server_default="[]")
    """Posts whose text or picture a person has repeated in this one on purpose."""
    approved_version: Mapped[int | None]
    """The kept version that was approved last: the only one whose text goes out. A post that was changed since is in
    another state than `approved`."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    images: Mapped[list["PostImage"]] = relationship(
        back_populates="post", order_by="PostImage.position", cascade="all, delete-orphan", lazy="selectin"
    )
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - the base class declares it per instance


SEARCHED_COLUMNS = (
    "title", "standfirst", "body", "written_by", "credit", "licence", "links", "tags", "language", "captions",
    "translations",
)  # fmt: skip


@event.listens_for(Post, "before_update")
def _mark_stale_words(_mapper: object, _connection: object, post: Post) -> None:
    """Marks a post whose texts change, whoever changes them, until the search index has its words."""
    changes = inspect(post).attrs
    if any(changes[name].history.has_changes() for name in SEARCHED_COLUMNS):
        post.words_stale = True


@event.listens_for(Post, "before_insert")
@event.listens_for(Post, "before_update")
def _set_text_digest(_mapper: object, _connection: object, post: Post) -> None:
    post.text_digest = text_digest(post.title, post.standfirst or "", post.body or "")


class PostImage(Base):
    __tablename__ = "post_image"
    __table_args__ = (
        UniqueConstraint("post_id", "position"),
        Index(
            "ix_post_image_without_alt_text",
            "post_id",
            sqlite_where=WITHOUT_ALT_TEXT,
            postgresql_where=WITHOUT_ALT_TEXT,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"))
    position: Mapped[int]
    media_sha256: Mapped[str] = mapped_column(ForeignKey("media.sha256"), index=True)
    alt_text: Mapped[str] = mapped_column(Text, default="")
    has_alt_text: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether `alt_text` is one: not empty and no file name. Set whenever a picture is stored."""
    credit: Mapped[str] = mapped_column(Text, default="")
    licence: Mapped[str] = mapped_column(Text, default="")
    choices: Mapped[dict[str, Any]] = mapped_column(default=lambda: ImageChoices().model_dump(mode="json"))

    post: Mapped[Post] = relationship(back_populates="images")
    media: Mapped[Media] = relationship(lazy="joined")


@event.listens_for(PostImage, "before_insert")
@event.listens_for(PostImage, "before_update")
def _set_has_alt_text(_mapper: object, _connection: object, image: PostImage) -> None:
    image.has_alt_text = is_alt_text(image.alt_text or "")


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
    deliveries: Mapped[list["Delivery"]] = relationship(back_populates="pick", order_by="Delivery.id")


def _slot_of_pick(context: Any) -> date:
    """Reads the slot of the pick that a new delivery belongs to."""
    pick = context.get_current_parameters()["pick_id"]
    slot: date = context.connection.execute(select(Pick.slot).where(Pick.id == pick)).scalar_one()
    return slot


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
        Index("ix_delivery_slot", "slot", sqlite_where=BY_SLOT),
        Index("ix_delivery_state_slot", "state", "slot", sqlite_where=BY_SLOT),
        Index("ix_delivery_channel_slot", "channel_name", "slot", sqlite_where=BY_SLOT),
        Index("ix_delivery_channel_state_slot", "channel_name", "state", "slot", sqlite_where=BY_SLOT),
        Index("ix_delivery_problem", "id", sqlite_where=HAS_PROBLEM, postgresql_where=HAS_PROBLEM),
        Index("ix_delivery_remote_url", "remote_url", sqlite_where=HAS_REMOTE_ID, postgresql_where=HAS_REMOTE_ID),
        Index("ix_delivery_remote_id", "remote_id", sqlite_where=HAS_REMOTE_ID, postgresql_where=HAS_REMOTE_ID),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pick_id: Mapped[int] = mapped_column(ForeignKey("pick.id"))
    slot: Mapped[date] = mapped_column(default=_slot_of_pick)
    """The pick's, which never changes: lists are read in its order."""
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
    """When it was known to be public, by our clock."""
    public_since: Mapped[datetime | None]
    """Since when it is public, by the platform's clock. Empty: that was not read."""
    problem: Mapped[Problem | None] = mapped_column(ProblemColumn)
    """What is wrong, and what a person can do. None: nothing is."""

    pick: Mapped[Pick] = relationship(back_populates="deliveries")
    channel: Mapped[Channel] = relationship(viewonly=True)
    attempts: Mapped[list["Attempt"]] = relationship(back_populates="delivery", order_by="Attempt.id")

    @property
    def shown_since(self) -> datetime | None:
        """Returns since when followers have it, by the platform's clock as soon as that was read."""
        return self.public_since or self.published_at

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
