"""Finds posts by their words in the search index, and those that it lacks by their plain texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, column, exists, false, literal, or_, select, table, text
from sqlalchemy.orm import Session

from publisher.core.search_query import QueryPhrase, QueryWord, SearchQuery
from publisher.db.models import STALE_WORDS, Post, PostImage
from publisher.db.post_words import FIELD_MARKS, VECTOR, WORDS_INDEX, PostWords

MAX_LISTED = 1000
"""Of more matches the database makes the list itself."""
MEMORY_FOR_MANY = "64MB"
"""What PostgreSQL may use for such a list, in the transaction that asks for it."""
WALKED = 1000
"""So many rows of a list are looked at one by one where many posts match: most lists show their page within them."""
_FULL_TEXT = table(WORDS_INDEX, column("rowid"))


def is_complete(session: Session) -> bool:
    """Decides whether every post is found by its words; else some are found by their plain texts alone."""
    return session.scalar(select(Post.id).where(STALE_WORDS).limit(1)) is None


def matching_posts(session: Session, query: SearchQuery) -> ColumnElement[bool]:
    """Makes the condition that a post has every word and phrase of a search. Without any, no post does."""
    return is_among(matching_ids(session, query))


def is_among(ids: list[int] | Select[int]) -> ColumnElement[bool]:
    """Makes the condition that a post is one of these, as `matching_ids` returns them."""
    # With many matches, the list's own order is followed, and each post is looked up among them.
    return Post.id.in_(ids) if isinstance(ids, list) else (Post.id + 0).in_(ids)


def matching_ids(session: Session, query: SearchQuery) -> list[int] | Select[int]:
    """Returns the ids of the posts that have every word of a search, or selects them where they are many."""
    if not query:
        return []
    ids = indexed_posts(session, query)
    if not is_complete(session):
        ids = select(Post.id).where(or_(Post.id.in_(ids), _plainly(query)))
    listed = list(session.scalars(ids.limit(MAX_LISTED + 1)))
    if len(listed) <= MAX_LISTED:
        return listed
    if session.get_bind().dialect.name == "postgresql":
        # With less, PostgreSQL notes pages instead of rows and reads the words of every post on them; and it goes
        # through the whole list for each row.
        session.execute(text(f"SET LOCAL work_mem = '{MEMORY_FOR_MANY}'"))
    return ids


def has_words(session: Session, query: SearchQuery) -> ColumnElement[bool]:
    """Makes the condition that a post has every word of a search by its own stored words, without the index.

    It is for few posts: the index lists all that match, which takes long where they are many.
    """
    conditions = (*map(_is_among_words, query.words), *map(_follow_each_other, query.phrases))
    stored = exists().where(PostWords.post_id == Post.id, *conditions).correlate(Post)
    return stored if is_complete(session) else or_(stored, _plainly(query))


def _is_among_words(word: QueryWord) -> ColumnElement[bool]:
    def begins(form: str, end: str = " ") -> Iterator[ColumnElement[bool]]:
        for kept in (PostWords.words, PostWords.stems):
            yield (literal(" ") + kept + literal(" ")).contains(f" {form}{end}", autoescape=True)

    marks = _marks(word)
    typed = (found for mark in marks for found in begins(f"{mark}{word.folded}", "" if word.is_prefix else " "))
    of_stems = (found for mark in marks for stem in sorted(word.stems) for found in begins(f"{mark}{stem}"))
    return or_(*typed, *of_stems)


def _plainly(query: SearchQuery) -> ColumnElement[bool]:
    parts: tuple[QueryWord | QueryPhrase, ...] = (*query.words, *query.phrases)
    return and_(STALE_WORDS, *map(_has_plainly, parts))


def indexed_posts(session: Session, query: SearchQuery) -> Select[int]:
    """Selects the ids of the posts that the index finds, in no order."""
    phrases = [_follow_each_other(phrase) for phrase in query.phrases]
    if session.get_bind().dialect.name == "sqlite":
        found = text(f"{WORDS_INDEX} MATCH :words").bindparams(words=_for_sqlite(query))
        of_index = select(_FULL_TEXT.c.rowid).where(found)
        if not phrases:
            return of_index
        return select(PostWords.post_id).where(PostWords.post_id.in_(of_index), *phrases)
    found = text(f"{VECTOR} @@ CAST(:words AS tsquery)").bindparams(words=_for_postgresql(query))
    return select(PostWords.post_id).where(found, *phrases)


def _for_sqlite(query: SearchQuery) -> str:
    def forms(word: QueryWord, mark: str) -> Iterator[str]:
        yield f'"{mark}{word.folded}"*' if word.is_prefix else f'"{mark}{word.folded}"'
        yield from (f'"{mark}{stem}"' for stem in sorted(word.stems))

    of_words = (" OR ".join(form for mark in _marks(word) for form in forms(word, mark)) for word in query.words)
    of_phrases = (" OR ".join(f'"{_phrase(phrase, mark)}"' for mark in _marks(phrase)) for phrase in query.phrases)
    return " AND ".join(f"({part})" for part in (*of_words, *of_phrases))


def _for_postgresql(query: SearchQuery) -> str:
    def forms(word: QueryWord, mark: str) -> Iterator[str]:
        yield f"'{mark}{word.folded}':*" if word.is_prefix else f"'{mark}{word.folded}'"
        yield from (f"'{mark}{stem}'" for stem in sorted(word.stems))

    of_words = (" | ".join(form for mark in _marks(word) for form in forms(word, mark)) for word in query.words)
    # Of a word in a long text, PostgreSQL keeps not all places: whether words follow each other, the texts say.
    of_phrases = (
        " | ".join(" & ".join(f"'{mark}{word}'" for word in phrase.folded) for mark in _marks(phrase))
        for phrase in query.phrases
    )
    return " & ".join(f"({part})" for part in (*of_words, *of_phrases))


def _marks(part: QueryWord | QueryPhrase) -> tuple[str, ...]:
    """Returns what a searched word begins with in the index: a mark for each field, or nothing for all."""
    return tuple(FIELD_MARKS[field] for field in part.fields) or ("",)


def _phrase(phrase: QueryPhrase, mark: str) -> str:
    return " ".join(f"{mark}{word}" for word in phrase.folded)


def _follow_each_other(phrase: QueryPhrase) -> ColumnElement[bool]:
    """Makes the condition that the words of a phrase follow each other: among stems they do by chance."""
    words, stems = (literal(" ") + kept + literal(" ") for kept in (PostWords.words, PostWords.stems))
    as_written = words.contains(f" {_phrase(phrase, '')} ")
    if not phrase.fields:
        return as_written
    # Beside the words of a field stand their stems: one word alone may be either.
    return and_(as_written, or_(*(stems.contains(f" {_phrase(phrase, mark)} ") for mark in _marks(phrase))))


_OWN_FIELDS = ("title", "standfirst", "body", "written_by", "credit", "licence", "link")
_OWN = {name: getattr(Post, name) for name in _OWN_FIELDS}
_STRUCTURED = {name: getattr(Post, name) for name in ("tags", "links", "captions", "translations")}
_OF_PICTURES = {name: getattr(PostImage, name) for name in ("alt_text", "credit", "licence")}


def _has_plainly(part: QueryWord | QueryPhrase) -> ColumnElement[bool]:
    """Makes the condition that a text of a post holds a word or phrase as it was typed, or without its accents."""
    # SQLite ignores case in ASCII only, and JSON escapes what is beyond it.
    typed = part.typed
    folded = part.folded if isinstance(part, QueryWord) else " ".join(part.folded)
    forms = dict.fromkeys((typed, typed.lower(), typed.upper(), typed.capitalize(), folded))
    in_own = (text.icontains(form, autoescape=True) for form in forms for text in _fields(part, _OWN))
    in_structured = (
        cast(structure, Text).icontains(json.dumps(form)[1:-1], autoescape=True)
        for form in forms
        for structure in _fields(part, _STRUCTURED)
    )
    of_pictures = [text.icontains(form, autoescape=True) for form in forms for text in _fields(part, _OF_PICTURES)]
    in_picture = or_(false(), *of_pictures)
    return or_(
        false(), *in_own, *in_structured, exists().where(PostImage.post_id == Post.id, in_picture).correlate(Post)
    )


def _fields(part: QueryWord | QueryPhrase, columns: Mapping[str, Any]) -> list[Any]:
    return [column for name, column in columns.items() if not part.fields or name in part.fields]
