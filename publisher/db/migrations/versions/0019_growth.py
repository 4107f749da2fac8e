"""Lists are read in their order from indexes, however many posts and deliveries there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

IN_LINE = "state <> 'withdrawn' AND NOT reserve AND fixed_date IS NULL AND last_shown_on IS NULL"
UNDATED_DRAFT = "state IN ('draft', 'in_review') AND NOT reserve AND fixed_date IS NULL AND last_shown_on IS NULL"
IN_RESERVE = "state <> 'withdrawn' AND reserve AND fixed_date IS NULL"
READY_RESERVE = "state = 'approved' AND reserve AND fixed_date IS NULL"
WAITS_FOR_DATE = (
    "state <> 'withdrawn' AND fixed_date IS NOT NULL"
    " AND (reserve OR last_shown_on IS NULL OR last_shown_on < fixed_date)"
)
POST_INDEXES: dict[str, tuple[list[str], str | None]] = {
    "ix_post_position": (["reserve", "position"], None),
    "ix_post_line": (["position", "id"], IN_LINE),
    "ix_post_line_state": (["state", "position", "id"], IN_LINE),
    "ix_post_reserve": (["position", "id"], IN_RESERVE),
    "ix_post_reserve_state": (["state", "position", "id"], IN_RESERVE),
    "ix_post_reserve_shown": (["last_shown_on", "position", "id"], READY_RESERVE),
    "ix_post_dated": (["fixed_date", "position", "id"], WAITS_FOR_DATE),
    "ix_post_dated_state": (["state", "fixed_date", "position", "id"], WAITS_FOR_DATE),
    "ix_post_drafts": (["updated_at", "id"], UNDATED_DRAFT),
    "ix_post_embargo": (["embargo_until"], "embargo_until IS NOT NULL"),
    "ix_post_unapproved": (["state", "id"], "state <> 'approved'"),
    "ix_post_stale_words": (["id"], "words_stale"),
    "ix_post_shown": (["id"], "last_shown_on IS NOT NULL"),
}
LIST_INDEXES = {
    "ix_delivery_slot": ["slot"],
    "ix_delivery_state_slot": ["state", "slot"],
    "ix_delivery_channel_slot": ["channel_name", "slot"],
    "ix_delivery_channel_state_slot": ["channel_name", "state", "slot"],
}
ON_SQLITE = (
    "CREATE VIRTUAL TABLE post_words_index USING fts5(words, stems, content='post_words', content_rowid='post_id', "
    "tokenize='unicode61 remove_diacritics 0')",
    "CREATE TRIGGER post_words_inserted AFTER INSERT ON post_words BEGIN INSERT INTO post_words_index "
    "(rowid, words, stems) VALUES (new.post_id, new.words, new.stems); END",
    "CREATE TRIGGER post_words_deleted AFTER DELETE ON post_words BEGIN INSERT INTO post_words_index "
    "(post_words_index, rowid, words, stems) VALUES ('delete', old.post_id, old.words, old.stems); END",
    "CREATE TRIGGER post_words_updated AFTER UPDATE ON post_words BEGIN INSERT INTO post_words_index "
    "(post_words_index, rowid, words, stems) VALUES ('delete', old.post_id, old.words, old.stems); "
    "INSERT INTO post_words_index (rowid, words, stems) VALUES (new.post_id, new.words, new.stems); END",
)
ON_POSTGRESQL = (
    "CREATE INDEX post_words_index ON post_words USING gin (to_tsvector('simple', words || ' ' || stems))",
)
DELIVERY_INDEXES: dict[str, tuple[list[str], str | None]] = {
    "ix_delivery_problem": (["id"], "problem IS NOT NULL"),
    "ix_delivery_remote_url": (["remote_url"], "remote_id IS NOT NULL"),
    "ix_delivery_remote_id": (["remote_id"], "remote_id IS NOT NULL"),
}


def upgrade() -> None:
    # Ahead of the index on them: until the words of a post are stored, it is searched by its plain texts.
    op.add_column("post", sa.Column("words_stale", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.drop_index("ix_post_ready", "post")
    _create_indexes("post", POST_INDEXES)
    op.add_column("delivery", sa.Column("slot", sa.Date()))
    op.execute("UPDATE delivery SET slot = (SELECT pick.slot FROM pick WHERE pick.id = delivery.pick_id)")
    with op.batch_alter_table("delivery") as table:
        table.alter_column("slot", existing_type=sa.Date(), nullable=False)
    _create_indexes("delivery", DELIVERY_INDEXES)
    for name, columns in LIST_INDEXES.items():
        op.create_index(name, "delivery", columns, sqlite_where=sa.text("slot IS NOT NULL"))
    _create_search_index()


def _create_indexes(table: str, indexes: dict[str, tuple[list[str], str | None]]) -> None:
    for name, (columns, condition) in indexes.items():
        where = None if condition is None else sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _create_search_index() -> None:
    op.create_table(
        "post_words",
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("stems", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_post_words_post_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_post_words")),
    )
    op.create_index(op.f("ix_post_words_format"), "post_words", ["format"])
    for statement in ON_SQLITE if op.get_bind().dialect.name == "sqlite" else ON_POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)
