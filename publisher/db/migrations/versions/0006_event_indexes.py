"""What the history is searched by: who did something, and what was done."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("ix_event_name", "event", ["name", "id"])
    op.create_index("ix_event_actor", "event", ["actor", "id"])
