"""Quotas, sessions in the database, processes, notices, and what an attempt cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
OPEN = sa.text("closed_at IS NULL")
UNTOLD = sa.text("told_at IS NULL OR (closed_at IS NOT NULL AND recovery_told_at IS NULL)")


def upgrade() -> None:
    _indexes()
    op.add_column("attempt", sa.Column("cost_micros", sa.Integer(), nullable=False, server_default="0"))
    _quota()
    _channel_session()
    _process()
    _notice()


def _indexes() -> None:
    """What a tick asks for must not take longer with every delivery that ever was."""
    dated = sa.text("fixed_date IS NOT NULL")
    op.drop_index("ix_post_fixed_date", "post")
    op.create_index("ix_post_fixed_date", "post", ["fixed_date"], sqlite_where=dated, postgresql_where=dated)
    op.drop_index("ix_delivery_due", "delivery")
    op.drop_index("ix_delivery_verify_at", "delivery")
    for name, columns, where in (
        ("ix_delivery_due", ["channel_name", "state", "due_at"], "remote_id IS NULL"),
        ("ix_delivery_expires", ["state", "expires_at"], "state = 'pending'"),
        ("ix_delivery_verify", ["channel_name", "state", "verify_at"], "verify_at IS NOT NULL"),
        ("ix_delivery_published", ["published_at"], "published_at IS NOT NULL"),
    ):
        op.create_index(name, "delivery", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_index("ix_attempt_started_at", "attempt", ["started_at"])


def _quota() -> None:
    op.create_table(
        "quota",
        sa.Column("channel_name", sa.String(40), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("maximum", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("resets_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("channel_name", "name", name=op.f("pk_quota")),
        sa.ForeignKeyConstraint(
            ["channel_name"], ["channel.name"], name=op.f("fk_quota_channel_name"), ondelete="CASCADE"
        ),
    )


def _channel_session() -> None:
    op.create_table(
        "channel_session",
        sa.Column("channel_name", sa.String(40), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("channel_name", name=op.f("pk_channel_session")),
        sa.ForeignKeyConstraint(
            ["channel_name"], ["channel.name"], name=op.f("fk_channel_session_channel_name"), ondelete="CASCADE"
        ),
    )


def _process() -> None:
    op.create_table(
        "process",
        sa.Column("owner", sa.String(120), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_process")),
    )
    op.create_index(op.f("ix_process_seen_at"), "process", ["seen_at"])


def _notice() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("told_at", INSTANT),
        sa.Column("closed_at", INSTANT),
        sa.Column("recovery_told_at", INSTANT),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=False),
        sa.Column("reached", sa.JSON(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index("uq_notice_open", "notice", ["subject"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_notice_untold", "notice", ["next_try_at"], sqlite_where=UNTOLD, postgresql_where=UNTOLD)
