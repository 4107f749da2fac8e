"""Finds posts by their words in the search index, and those that it lacks by their plain texts."""

from __future__ import annotations

import json

from sqlalchemy import ColumnElement, Select, Text, and_, cast, column, exists, or_, select, table, text
from sqlalchemy.orm import Session

from publisher.core.search_query import QueryWord, SearchQuery
from publisher.db.models import STALE_WORDS, Post, PostImage
from publisher.db.post_words import VECTOR, WORDS_INDEX, PostWords

MAX_LISTED = 1000
"""Of more matches the database makes the list itself."""
_FULL_TEXT = table(WORDS_INDEX, column("rowid"))


def is_complete(session: Session) -> bool:
    """Decides whether every post is found by its words; else some are found by their plain texts alone."""
    return session.scalar(select(Post.id).where(STALE_WORDS).limit(1)) is None


def matching_posts(session: Session, query: SearchQuery) -> ColumnElement[bool]:
    """Makes the condition that a post has every word of a search. Without a word, no post does."""
    ids = matching_ids(session, query)
    # With many matches, the list's own order is followed, and each post is looked up among them.
    return Post.id.in_(ids) if isinstance(ids, list) else (Post.id + 0).in_(ids)


def matching_ids(session: Session, query: SearchQuery) -> list[int] | Select[int]:
    """Returns the ids of the posts that have every word of a search, or selects them where they are many."""
    if not query.words:
        return []
    ids = indexed_posts(session, query)
    if not is_complete(session):
        plainly = and_(STALE_WORDS, *map(_has_plainly, query.words))
        ids = select(Post.id).where(or_(Post.id.in_(ids), plainly))
    listed = list(session.scalars(ids.limit(MAX_LISTED + 1)))
    return listed if len(listed) <= MAX_LISTED else ids


def indexed_posts(session: Session, query: SearchQuery) -> Select[int]:
    """Selects the ids of the posts that the index finds, in no order."""
    if session.get_bind().dialect.name == "sqlite":
        found = text(f"{WORDS_INDEX} MATCH :words").bindparams(words=_for_sqlite(query))
        return select(_FULL_TEXT.c.rowid).where(found)
    found = text(f"{VECTOR} @@ CAST(:words AS tsquery)").bindparams(words=_for_postgresql(query))
    return select(PostWords.post_id).where(found)


def _for_sqlite(query: SearchQuery) -> str:
    def forms(word: QueryWord) -> str:
        prefix = f'"{word.folded}"*' if word.is_prefix else f'"{word.folded}"'
        return " OR ".join((prefix, *(f'"{stem}"' for stem in sorted(word.stems))))

    return " AND ".join(f"({forms(word)})" for word in query.words)


def _for_postgresql(query: SearchQuery) -> str:
    def forms(word: QueryWord) -> str:
        prefix = f"'{word.folded}':*" if word.is_prefix else f"'{word.folded}'"
        return " | ".join((prefix, *(f"'{stem}'" for stem in sorted(word.stems))))

    return " & ".join(f"({forms(word)})" for word in query.words)


def _has_plainly(word: QueryWord) -> ColumnElement[bool]:
    """Makes the condition that a text of a post holds a word as it was typed, or without its accents."""
    own = (Post.title, Post.standfirst, Post.body, Post.written_by, Post.credit, Post.licence, Post.link)
    structured = (Post.tags, Post.links, Post.captions, Post.translations)
    of_pictures = (PostImage.alt_text, PostImage.credit, PostImage.licence)
    # SQLite ignores case in ASCII only, and JSON escapes what is beyond it.
    typed = word.typed
    forms = dict.fromkeys((typed, typed.lower(), typed.upper(), typed.capitalize(), word.folded))
    in_own = (text.icontains(form, autoescape=True) for form in forms for text in own)
    in_structured = (
        cast(structure, Text).icontains(json.dumps(form)[1:-1], autoescape=True)
        for form in forms
        for structure in structured
    )
    in_picture = or_(*(text.icontains(form, autoescape=True) for form in forms for text in of_pictures))
    return or_(*in_own, *in_structured, exists().where(PostImage.post_id == Post.id, in_picture).correlate(Post))
