"""The desk stores which values a picture with 16 bits has. Pictures that are here already are examined later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("media", sa.Column("value_facts", sa.JSON()))
