"""An index of the days on which imported posts were published: the outlet's site asks for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

FROM_ELSEWHERE = sa.text("published_elsewhere_on IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_post_elsewhere",
        "post",
        ["published_elsewhere_on", "id"],
        sqlite_where=FROM_ELSEWHERE,
        postgresql_where=FROM_ELSEWHERE,
    )
