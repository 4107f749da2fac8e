"""Which version of a post was approved; browsers that somebody logged in with; who said again who they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("post", sa.Column("approved_version", sa.Integer(), nullable=True))
    op.add_column("web_session", sa.Column("confirmed_at", INSTANT, nullable=True))
    op.add_column("login_failure", sa.Column("browser", sa.String(64), nullable=False, server_default=""))
    op.add_column("login_failure", sa.Column("told", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "known_browser",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_known_browser_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_browser")),
        sa.UniqueConstraint("token_hash", "person_id", name=op.f("uq_known_browser_token_hash_person_id")),
    )
    op.create_index(op.f("ix_known_browser_person_id"), "known_browser", ["person_id"])
    op.create_index(op.f("ix_known_browser_seen_at"), "known_browser", ["seen_at"])
