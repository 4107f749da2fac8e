"""A published post can be corrected."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

INSTANT = sa.DateTime(timezone=True)
OPEN = sa.text("state IN ('waiting', 'sending', 'unknown')")
WAITING = sa.text("state IN ('waiting', 'unknown')")


def upgrade() -> None:
    op.create_table(
        "correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("channel_name", sa.String(40), nullable=False),
        sa.Column("post_version", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(120)),
        sa.Column("lease_until", INSTANT),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lost_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_correction_delivery_id")),
        sa.ForeignKeyConstraint(["channel_name"], ["channel.name"], name=op.f("fk_correction_channel_name")),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'unknown', 'done', 'failed', 'replaced')", name=op.f("ck_correction_state")
        ),
        sa.CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name=op.f("ck_correction_lease")),
        sa.CheckConstraint("(lease_until IS NULL) = (lease_owner IS NULL)", name=op.f("ck_correction_owner")),
        sa.CheckConstraint(
            "(state IN ('done', 'failed', 'replaced')) = (ended_at IS NOT NULL)", name=op.f("ck_correction_ended")
        ),
        sa.CheckConstraint("(state = 'failed') <= (problem IS NOT NULL)", name=op.f("ck_correction_problem")),
    )
    op.create_index(
        "uq_correction_open", "correction", ["delivery_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index(
        "ix_correction_due", "correction", ["channel_name", "due_at"], sqlite_where=WAITING, postgresql_where=WAITING
    )
    op.create_index("ix_correction_delivery_id", "correction", ["delivery_id", "id"])
