"""Imports, the keys of their items, and posts that were published before they came into this desk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

INSTANT = sa.DateTime(timezone=True)
UNFINISHED = sa.text("state = 'running'")
UNAPPROVED = sa.text("state <> 'approved' AND (state <> 'draft' OR published_elsewhere_on IS NULL)")


def upgrade() -> None:
    op.add_column("post", sa.Column("published_elsewhere_on", sa.Date(), nullable=True))
    op.drop_index("ix_post_unapproved", "post")
    op.create_index("ix_post_unapproved", "post", ["state", "id"], sqlite_where=UNAPPROVED, postgresql_where=UNAPPROVED)
    op.create_table(
        "import_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_key", sa.String(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.CheckConstraint("state IN ('running', 'finished', 'undone')", name=op.f("ck_import_run_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
    )
    op.create_index(
        "uq_import_unfinished",
        "import_run",
        ["source_key"],
        unique=True,
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )
    op.create_table(
        "item_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.Integer(), nullable=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("made_post", sa.Boolean(), nullable=False),
        sa.Column("post_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["import_run.id"], name=op.f("fk_item_key_import_id")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_item_key_post_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_key")),
        sa.UniqueConstraint("key", name=op.f("uq_item_key_key")),
    )
    op.create_index(op.f("ix_item_key_import_id"), "item_key", ["import_id"])
    op.create_index(op.f("ix_item_key_post_id"), "item_key", ["post_id"])
    op.create_table(
        "published_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("platform", sa.String(40), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_published_link_post_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["item_id"], ["item_key.id"], name=op.f("fk_published_link_item_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_link")),
        sa.UniqueConstraint("item_id", "platform", name=op.f("uq_published_link_item_id_platform")),
    )
    op.create_index(op.f("ix_published_link_post_id"), "published_link", ["post_id"])
