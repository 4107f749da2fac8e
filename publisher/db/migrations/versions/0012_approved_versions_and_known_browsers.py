"""Which version of a post was approved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("post", sa.Column("approved_version", sa.Integer(), nullable=True))
