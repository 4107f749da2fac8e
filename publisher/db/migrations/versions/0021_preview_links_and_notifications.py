"""Preview links with remarks, notifications of each person, and who invited whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

INSTANT = sa.DateTime(timezone=True)
UNREAD = sa.text("read_at IS NULL")
TO_BE_SENT = sa.text("next_try_at IS NOT NULL")
KINDS = "'review', 'mention', 'comment', 'remark', 'approved', 'sent-back'"


def upgrade() -> None:
    op.add_column("person", sa.Column("invited_by", sa.String(120), nullable=False, server_default=""))
    op.add_column("person", sa.Column("chat_addresses", sa.Text(), nullable=True))
    op.add_column("person", sa.Column("notification_ways", sa.JSON(), nullable=False, server_default="{}"))
    _add_preview_links()
    with op.batch_alter_table("comment") as table:
        table.alter_column("person_id", existing_type=sa.Integer(), nullable=True)
        table.add_column(sa.Column("preview_link_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("author_name", sa.String(120), nullable=False, server_default=""))
        table.create_foreign_key(
            op.f("fk_comment_preview_link_id"), "preview_link", ["preview_link_id"], ["id"], ondelete="CASCADE"
        )
        table.create_check_constraint(op.f("ck_comment_author"), "(person_id IS NULL) <> (preview_link_id IS NULL)")
    op.create_index(op.f("ix_comment_preview_link_id"), "comment", ["preview_link_id"])
    _add_notifications()


def _add_preview_links() -> None:
    op.create_table(
        "preview_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("post_version", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.String(120), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("visited_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_preview_link_post_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preview_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_preview_link_token_hash")),
    )
    op.create_index(op.f("ix_preview_link_post_id"), "preview_link", ["post_id"])


def _add_notifications() -> None:
    op.create_table(
        "notification",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("comment_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("read_at", INSTANT, nullable=True),
        sa.Column("ways", sa.JSON(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("reached", sa.JSON(), nullable=False),
        sa.Column("send_error", sa.Text(), nullable=True),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_notification_kind")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_notification_person_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_notification_post_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comment.id"], name=op.f("fk_notification_comment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    op.create_index("ix_notification_person", "notification", ["person_id", "id"])
    op.create_index(op.f("ix_notification_post_id"), "notification", ["post_id"])
    op.create_index(
        "ix_notification_unread", "notification", ["person_id"], sqlite_where=UNREAD, postgresql_where=UNREAD
    )
    op.create_index(
        "ix_notification_due", "notification", ["next_try_at"], sqlite_where=TO_BE_SENT, postgresql_where=TO_BE_SENT
    )
