"""How many workers in a row were gone over a delivery that they prepared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("delivery", sa.Column("lost_workers", sa.Integer(), nullable=False, server_default="0"))
