"""Each tab of a browser keeps its own unsaved text; a form that is sent twice makes one post."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    with op.batch_alter_table("autosave") as table:
        table.add_column(sa.Column("tab", sa.String(32), nullable=False, server_default=""))
        table.add_column(sa.Column("typed_at", sa.BigInteger(), nullable=False, server_default="0"))
        table.drop_constraint(op.f("uq_autosave_post_id_person_id"), type_="unique")
        table.create_unique_constraint(op.f("uq_autosave_post_id_person_id_tab"), ["post_id", "person_id", "tab"])
    op.add_column("post", sa.Column("creation_key", sa.String(64), nullable=True))
    op.create_index("ix_post_creation_key", "post", ["creation_key"], unique=True)
