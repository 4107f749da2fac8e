"""What a platform told before a publishing request, and how far its clock is from ours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("delivery", sa.Column("preparation", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("channel", sa.Column("clock_ahead_seconds", sa.Double()))
    op.add_column("channel", sa.Column("clock_seen_at", sa.DateTime(timezone=True)))
