"""Keeps the search index of posts true.

What stores a text of a post calls `index_post` in the same transaction. A post whose words are out of date, as after
an upgrade or by a way that did not call it, is marked `words_stale`: it is searched by its plain texts until
`refresh_index` has been there, so that no post is missing from a list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

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
MAX_INDEXED = 1_000_000
"""Bytes that the index has for one post. PostgreSQL takes at most 1,048,575."""
MAX_PLACES = 256
"""Places of a form that PostgreSQL keeps."""
BYTES_OF_FORM = 3
"""What it adds to a form: the number of places, and one byte to begin at an even number."""


def post_words(post: Post) -> tuple[str, str]:
    """Returns the words of a post, and the stems that differ from them with the words of some fields, marked.

    No phrase goes over the end of a text, because a mark stands there. Of a post with more words than PostgreSQL can
    index, the texts that find no room any more are left out; the first ones, in its own language, are in.
    """
    words: list[str] = []
    stems: list[str] = []
    room = _Room()
    for part in search_texts(post):
        own_words, own_stems = _words_of_text(part)
        own_words.append(END_OF_TEXT)
        if mark := FIELD_MARKS.get(part.field):
            marked_words = [f"{mark}{word}" for word in own_words[:-1]]
            own_stems += [*marked_words, END_OF_TEXT, *(f"{mark}{stem}" for stem in own_stems)]
        if room.take((*own_words, *own_stems)):
            words += own_words
            stems += own_stems
    return " ".join(words), " ".join(stems)


class _Room:
    """Counts what the index takes in PostgreSQL, which refuses a row with more."""

    def __init__(self) -> None:
        self._left = MAX_INDEXED
        self._times: Counter[str] = Counter()

    def take(self, forms: Iterable[str]) -> bool:
        """Takes the room for the forms of a text. False: there is not enough, and nothing is taken."""
        times = Counter(forms)
        size = sum(_size(form, self._times[form], self._times[form] + more) for form, more in times.items())
        if size > self._left:
            return False
        self._left -= size
        self._times.update(times)
        return True


def _size(form: str, before: int, after: int) -> int:
    """Returns the bytes that more places of a form take: two for each of the first 256, and the form's own once."""
    own = 0 if before else len(form.encode()) + BYTES_OF_FORM
    return own + 2 * (min(after, MAX_PLACES) - min(before, MAX_PLACES))


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
