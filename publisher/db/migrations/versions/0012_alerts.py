"""The table of notices is called alert."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

INSTANT = sa.DateTime(timezone=True)
OPEN = sa.text("closed_at IS NULL")
UNSENT = sa.text("told_at IS NULL OR (closed_at IS NOT NULL AND recovery_told_at IS NULL)")
COLUMNS = (
    "id, subject, kind, title, message, opened_at, told_at, closed_at, recovery_told_at, tries, next_try_at, reached, "
    "trouble"
)


def upgrade() -> None:
    """Copies the rows into a new table, so that its key, sequence and indexes have its name on every database."""
    op.create_table(
        "alert",
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.execute(f"INSERT INTO alert ({COLUMNS}) SELECT {COLUMNS} FROM notice")  # noqa: S608 - no text of a user
    op.drop_table("notice")
    op.create_index("uq_alert_open", "alert", ["subject"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_alert_unsent", "alert", ["next_try_at"], sqlite_where=UNSENT, postgresql_where=UNSENT)
    if op.get_bind().dialect.name == "postgresql":
        # The sequence of the new table counts on after the ids that were copied.
        op.execute(
            "SELECT setval(pg_get_serial_sequence('alert', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL) FROM alert"
        )
