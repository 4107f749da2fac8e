"""Defines the search index of posts: the words of each, beside it in the database that it is stored in.

On SQLite a full-text table (FTS5) follows by triggers, on PostgreSQL an index over `tsvector`. Both are given words
that were split, folded and stemmed before, and change nothing about them, so that both find the same posts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import DDL, ForeignKey, Text, event
from sqlalchemy.orm import Mapped, mapped_column

from publisher.db.base import Base

WORDS_INDEX = "post_words_index"
"""The full-text table on SQLite, whose own tables have this name and more; the index on PostgreSQL."""
VECTOR = "to_tsvector('simple', words || ' ' || stems)"
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
ON_POSTGRESQL = (f"CREATE INDEX {WORDS_INDEX} ON post_words USING gin ({VECTOR})",)


_MARK = "\u16a0"
"""Begins what is no word of a text: a rune, which both databases take for a letter and hardly anybody types."""
END_OF_TEXT = _MARK * 2
"""Stands in the index after each text."""
FIELD_MARKS: Mapping[str, str] = {
    "title": f"{_MARK}title", "alt_text": f"{_MARK}alt", "credit": f"{_MARK}credit", "tags": f"{_MARK}tag",
    "written_by": f"{_MARK}by", "licence": f"{_MARK}licence",
}  # fmt: skip
"""What a word of these fields begins with where the index has it once more, for searches in one field."""


class PostWords(Base):
    """Holds the words of a post in every field and language: what it is found by."""

    __tablename__ = "post_words"

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), primary_key=True)
    format: Mapped[int] = mapped_column(index=True)
    """How the words were made; another number than the program's is out of date."""
    words: Mapped[str] = mapped_column(Text)
    """In the order of the texts, folded."""
    stems: Mapped[str] = mapped_column(Text)
    """Those that differ from their words."""


for _statements, _dialect in ((ON_SQLITE, "sqlite"), (ON_POSTGRESQL, "postgresql")):
    for _statement in _statements:
        _creation: Any = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(PostWords.__table__, "after_create", _creation.execute_if(dialect=_dialect))


def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Tells Alembic to compare a table or an index with the models: all but those of the full-text search."""
    return not (kind in ("table", "index") and (name or "").startswith(WORDS_INDEX))
