"""Keeps the search index of posts true.

What stores a text of a post calls `index_post` in the same transaction. A post whose words are out of date, as after
an upgrade or by a way that did not call it, is marked `words_stale`: it is searched by its plain texts until
`refresh_index` has been there, so that no post is missing from a list.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from publisher.core.words import forms_of, words_of
from publisher.db.models import STALE_WORDS, Post
from publisher.db.post_words import END_OF_TEXT, FIELD_MARKS, PostWords
from publisher.db.session import Database
from publisher.posts.search_texts import SearchText, search_texts

FORMAT = 3
"""Changes with what `post_words` makes of a text: then every post is indexed anew."""
BATCH = 100
"""Posts that are indexed in one transaction."""


def post_words(post: Post) -> tuple[str, str]:
    """Returns the words of a post, and the stems that differ from them with the words of some fields, marked.

    No phrase goes over the end of a text, because a mark stands there.
    """
    words: list[str] = []
    stems: list[str] = []
    for part in search_texts(post):
        own_words, own_stems = _words_of_text(part)
        words += [*own_words, END_OF_TEXT]
        stems += own_stems
        if mark := FIELD_MARKS.get(part.field):
            stems += [f"{mark}{word}" for word in own_words]
            stems += [END_OF_TEXT, *(f"{mark}{stem}" for stem in own_stems)]
    return " ".join(words), " ".join(stems)


def _words_of_text(part: SearchText) -> tuple[list[str], list[str]]:
    words: list[str] = []
    stems: list[str] = []
    for word in words_of(part.text):
        words.append(word.folded)
        stems += sorted(forms_of(part.text[word.start : word.end], part.language) - {word.folded})
    return words, stems


def index_post(session: Session, post: Post) -> None:
    """Stores what a post is found by. Call it in the transaction that stores its texts."""
    session.flush()
    words, stems = post_words(post)
    session.execute(delete(PostWords).where(PostWords.post_id == post.id))
    session.execute(insert(PostWords).values(post_id=post.id, format=FORMAT, words=words, stems=stems))
    # Not through the object: its version would grow.
    fresh = update(Post).where(Post.id == post.id).values(words_stale=False)
    session.execute(fresh.execution_options(synchronize_session=False))
    set_committed_value(post, "words_stale", False)


def refresh_index(database: Database) -> int:
    """Indexes every post whose words are out of date, in batches of a transaction each; returns how many."""
    refreshed = 0
    while batch := _refresh_batch(database):
        refreshed += batch
    return refreshed


def _refresh_batch(database: Database) -> int:
    with database.reading() as session:
        stale = _stale_posts(session)
    if not stale:
        return 0
    with database.writing() as session:
        posts = session.scalars(select(Post).where(Post.id.in_(stale))).all()
        for post in posts:
            index_post(session, post)
    return len(posts)


def _stale_posts(session: Session) -> list[int]:
    marked = list(session.scalars(select(Post.id).where(STALE_WORDS).order_by(Post.id.desc()).limit(BATCH)))
    older = select(PostWords.post_id).where(or_(PostWords.format < FORMAT, PostWords.format > FORMAT)).limit(BATCH)
    return marked or list(session.scalars(older))
