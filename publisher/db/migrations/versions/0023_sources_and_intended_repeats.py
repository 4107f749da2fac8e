"""Which file a post was added from, which repeats of other posts are meant, and failed corrections by their time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

FAILED = sa.text("state = 'failed'")


def upgrade() -> None:
    op.add_column("post", sa.Column("source_key", sa.String(64), nullable=True))
    op.add_column("post", sa.Column("source_digest", sa.String(64), nullable=True))
    op.add_column("post", sa.Column("intended_repeats", sa.JSON(), nullable=False, server_default="[]"))
    op.create_index("ix_post_source_key", "post", ["source_key"], unique=True)
    op.create_index("ix_post_source_digest", "post", ["source_digest"], unique=True)
    op.create_index("ix_correction_failed", "correction", ["ended_at"], sqlite_where=FAILED, postgresql_where=FAILED)
