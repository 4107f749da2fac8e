"""Which of the engine's migrations the database has. Only PostgreSQL has its tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_table(
            "engine_migration", sa.Column("name", sa.Text(), nullable=False), sa.PrimaryKeyConstraint("name")
        )
