"""The database knows where it lies, so that a copy of it is recognised."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "desk_place",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("machine", sa.String(60), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name="one"),
    )
