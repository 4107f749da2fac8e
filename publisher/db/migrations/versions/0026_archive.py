"""The desk knows which pictures have an alt text, and finds posts by the day on which they were shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from publisher.core.alt_texts import is_alt_text

revision = "0026"
down_revision = "0025"

WITHOUT_ALT_TEXT = sa.text("NOT has_alt_text")
SHOWN = sa.text("last_shown_on IS NOT NULL")
IMAGE = sa.table("post_image", sa.column("id"), sa.column("alt_text"), sa.column("has_alt_text", sa.Boolean))


def upgrade() -> None:
    op.add_column("post_image", sa.Column("has_alt_text", sa.Boolean(), nullable=False, server_default=sa.false()))
    connection = op.get_bind()
    connection.execute(sa.update(IMAGE).where(IMAGE.c.alt_text != "").values(has_alt_text=True))
    # A file name has one space at most.
    short = sa.select(IMAGE.c.id, IMAGE.c.alt_text).where(IMAGE.c.alt_text != "", ~IMAGE.c.alt_text.like("% % %"))
    names = [row.id for row in connection.execute(short) if not is_alt_text(row.alt_text)]
    for start in range(0, len(names), 500):
        batch = IMAGE.c.id.in_(names[start : start + 500])
        connection.execute(sa.update(IMAGE).where(batch).values(has_alt_text=False))
    op.create_index(
        "ix_post_last_shown_on", "post", ["last_shown_on", "id"], sqlite_where=SHOWN, postgresql_where=SHOWN
    )
    op.create_index(
        "ix_post_image_without_alt_text",
        "post_image",
        ["post_id"],
        sqlite_where=WITHOUT_ALT_TEXT,
        postgresql_where=WITHOUT_ALT_TEXT,
    )
