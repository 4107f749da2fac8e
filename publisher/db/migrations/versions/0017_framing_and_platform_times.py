"""A picture may be cropped and fitted for single channels, and a delivery has the platform's time of its post.

What was chosen for a picture before still holds for all channels. Posts with the same text have the same digest.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

SQLITE = """
    UPDATE post_image SET choices = json_set(choices, '$.channels', json('{}'))
    WHERE json_type(choices, '$.channels') IS NULL
"""
POSTGRESQL = """
    UPDATE post_image SET choices = (choices::jsonb || jsonb_build_object('channels', jsonb_build_object()))::json
    WHERE choices::jsonb -> 'channels' IS NULL
"""

BATCH = 1000
POST = sa.table(
    "post",
    sa.column("id", sa.Integer),
    sa.column("title", sa.Text),
    sa.column("standfirst", sa.Text),
    sa.column("body", sa.Text),
    sa.column("text_digest", sa.String),
)


def upgrade() -> None:
    op.add_column("delivery", sa.Column("public_since", sa.DateTime(timezone=True)))
    op.execute(SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL)
    op.add_column("post", sa.Column("text_digest", sa.String(64)))
    _set_digests()
    op.create_index("ix_post_text_digest", "post", ["text_digest"])


def _set_digests() -> None:
    connection = op.get_bind()
    last = 0
    query = sa.select(POST.c.id, POST.c.title, POST.c.standfirst, POST.c.body).order_by(POST.c.id).limit(BATCH)
    while rows := connection.execute(query.where(POST.c.id > last)).all():
        changes = [{"row": row.id, "digest": digest} for row in rows if (digest := _digest(*row[1:]))]
        if changes:
            change = POST.update().where(POST.c.id == sa.bindparam("row")).values(text_digest=sa.bindparam("digest"))
            connection.execute(change, changes)
        last = rows[-1].id


def _digest(title: str, standfirst: str, body: str) -> str | None:
    words = " ".join((body.strip() or f"{title} {standfirst}").casefold().split())
    return hashlib.sha256(words.encode()).hexdigest() if len(words) >= 12 else None
