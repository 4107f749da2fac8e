"""Defines the tables of collections: named selections of posts, in an order of their own."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from publisher.db.base import Base


class Collection(Base):
    """Holds a named selection of posts."""

    __tablename__ = "collection"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    description: Mapped[str] = mapped_column(Text, default="", server_default="")
    is_public: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Everybody may see it, wherever the outlet shows its archive."""
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(120), default="", server_default="")


class CollectionPost(Base):
    """Holds the place of a post in a collection."""

    __tablename__ = "collection_post"
    __table_args__ = (UniqueConstraint("collection_id", "position"),)

    collection_id: Mapped[int] = mapped_column(ForeignKey("collection.id", ondelete="CASCADE"), primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), primary_key=True, index=True)
    position: Mapped[int]
    """Counted from 1, without gaps."""
