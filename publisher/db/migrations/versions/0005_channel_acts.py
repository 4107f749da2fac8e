"""Who paused a channel, and the log-in to a platform that a browser has begun."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("channel", sa.Column("paused_by", sa.String(120), nullable=False, server_default=""))
    op.add_column("web_session", sa.Column("connecting", sa.Text()))
