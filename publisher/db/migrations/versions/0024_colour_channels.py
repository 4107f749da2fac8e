"""The desk stores the colour channels of a picture that has several; pictures that are here already stay the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("media", sa.Column("channel_facts", sa.JSON()))
