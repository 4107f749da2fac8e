"""What an import changed, so that it can be taken back, and the old addresses of posts."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

LINK = sa.table(
    "published_link", sa.column("id", sa.Integer), sa.column("url", sa.Text), sa.column("address_key", sa.String)
)


def upgrade() -> None:
    op.create_table(
        "item_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.Integer(), nullable=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("version_before", sa.Integer(), nullable=False),
        sa.Column("version_after", sa.Integer(), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=True),
        sa.Column("links", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["import_run.id"], name=op.f("fk_item_change_import_id")),
        sa.ForeignKeyConstraint(["item_id"], ["item_key.id"], name=op.f("fk_item_change_item_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_change")),
        sa.UniqueConstraint("import_id", "item_id", name=op.f("uq_item_change_import_id_item_id")),
    )
    op.create_index(op.f("ix_item_change_item_id"), "item_change", ["item_id"])
    op.add_column("published_link", sa.Column("address_key", sa.String(64), nullable=True))
    connection = op.get_bind()
    for link_id, url in connection.execute(sa.select(LINK.c.id, LINK.c.url)).all():
        connection.execute(LINK.update().where(LINK.c.id == link_id).values(address_key=_address_key(url)))
    op.create_index(op.f("ix_published_link_address_key"), "published_link", ["address_key"])


def _address_key(address: str) -> str | None:
    """Identifies an address by its path and query, as this revision does."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    path = re.sub(r"(?<=/)index\.x?html?$", "", unquote(parts.path, errors="replace")).rstrip("/")
    if not path and not parts.query:
        return None
    query = f"?{parts.query}" if parts.query else ""
    return hashlib.sha256(f"{path}{query}".encode("utf-8", "surrogatepass")).hexdigest()
