"""Defines the tables of imports: what was published before it came into this desk, and where it came from."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from publisher.core.problems import Problem
from publisher.db.base import Base, Index, one_of
from publisher.db.problem_column import ProblemColumn

IMPORT_STATES = ("running", "finished", "undone")
UNFINISHED = text("state = 'running'")


class Import(Base):
    """Holds one import of a source. One that was killed is `running`, and the next one of the source goes on."""

    __tablename__ = "import_run"
    __table_args__ = (
        CheckConstraint(one_of("state", IMPORT_STATES), name="state"),
        Index("uq_import_unfinished", "source_key", unique=True, sqlite_where=UNFINISHED, postgresql_where=UNFINISHED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    """The file, folder or address, as it was named."""
    source_key: Mapped[str] = mapped_column(String(64))
    """The same for the same source."""
    state: Mapped[str] = mapped_column(String(8), default="running")
    actor: Mapped[str] = mapped_column(String(120))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """How many items ended how, by the name of the outcome; set when it is finished."""


class ItemKey(Base):
    """Holds which post an item of a source is, so that it is made once."""

    __tablename__ = "item_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("import_run.id"), index=True)
    """The import that read it first."""
    updated_by: Mapped[int | None]
    """The import that changed the post last; None: none did since it was made."""
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """Identifies the item, whichever import reads it."""
    digest: Mapped[str] = mapped_column(String(64))
    """Identifies what the item said and showed when the post got it last."""
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), index=True)
    made_post: Mapped[bool]
    """False: the post was there, and the item only gave it links."""
    post_version: Mapped[int]
    """The kept version of the post that holds the item. A later one was edited here."""


class ItemChange(Base):
    """Holds what an item was before an import changed it, so that the import can be taken back."""

    __tablename__ = "item_change"
    __table_args__ = (UniqueConstraint("import_id", "item_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("import_run.id"))
    """The import that changed it."""
    item_id: Mapped[int] = mapped_column(ForeignKey("item_key.id", ondelete="CASCADE"), index=True)
    updated_by: Mapped[int | None]
    digest: Mapped[str] = mapped_column(String(64))
    version_before: Mapped[int]
    """The kept version of the post that holds its former text."""
    version_after: Mapped[int]
    """The kept version that the import wrote; the same as before where only links were changed."""
    published_on: Mapped[date | None]
    """None: this desk published the post, and the item only gave it links."""
    links: Mapped[dict[str, Any]]
    """Its former links by the name of their platform."""


class PublishedLink(Base):
    """Holds where followers find a post that was published before it came into this desk."""

    __tablename__ = "published_link"
    __table_args__ = (UniqueConstraint("item_id", "platform"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), index=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item_key.id", ondelete="CASCADE"))
    platform: Mapped[str] = mapped_column(String(40))
    """As the source calls it, such as `tumblr` or `site`."""
    url: Mapped[str] = mapped_column(Text)
    address_key: Mapped[str | None] = mapped_column(String(64), index=True)
    """Identifies the path and query of `url`, as `publisher/posts/old_addresses.py` makes it."""


class WatchedSource(Base):
    """Holds how far a source that is watched was read, and how it goes."""

    __tablename__ = "watched_source"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    """Its name in `config/sources.toml`."""
    address: Mapped[str] = mapped_column(Text)
    """The address that the rest of the row is about."""
    etag: Mapped[str] = mapped_column(Text, default="")
    last_modified: Mapped[str] = mapped_column(Text, default="")
    read_at: Mapped[datetime | None]
    """When it was last read whole. None: never; then what it has is not new."""
    next_check_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=0)
    """In a row."""
    failing_since: Mapped[datetime | None]
    problem: Mapped[Problem | None] = mapped_column(ProblemColumn)
    """Why the last check failed."""


class SeenItem(Base):
    """Holds that a watched source had an item, so that it makes one draft at most, whatever becomes of that."""

    __tablename__ = "seen_item"
    __table_args__ = (UniqueConstraint("source", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(60))
    key: Mapped[str] = mapped_column(String(64), index=True)
    """Identifies the item, as in `item_key`."""
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id", ondelete="SET NULL"), index=True)
    """The draft. None: it was there when the watching began, or its draft is gone."""
    seen_at: Mapped[datetime]
