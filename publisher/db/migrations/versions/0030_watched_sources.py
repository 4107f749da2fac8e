"""Sources that are watched, and which of their items were seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "watched_source",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("read_at", INSTANT, nullable=True),
        sa.Column("next_check_at", INSTANT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", INSTANT, nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_watched_source")),
    )
    op.create_table(
        "seen_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(60), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=True),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_seen_item_post_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seen_item")),
        sa.UniqueConstraint("source", "key", name=op.f("uq_seen_item_source_key")),
    )
    op.create_index(op.f("ix_seen_item_key"), "seen_item", ["key"])
    op.create_index(op.f("ix_seen_item_post_id"), "seen_item", ["post_id"])
