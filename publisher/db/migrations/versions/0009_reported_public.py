"""Whether a platform said, when a post was sent to it, that it has this very post already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("delivery", sa.Column("reported_public", sa.Boolean(), nullable=False, server_default=sa.false()))
