"""Finds the posts that show the same pictures, or the same texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from publisher.db.models import Media, Post, PostImage

MAX_HASH_DISTANCE = 24
"""Perceptual hashes with at most this many different bits of 256 belong to the same picture."""
MAX_COMPARED = 5_000
"""Where there are more pictures, lists of posts compare the files alone: comparing each hash would take seconds."""
MAX_LISTED = 10
"""Of very many posts that have a picture or a text in common, lists of posts read so many: approved ones first, then
the newest."""
_IS_APPROVED = or_(Post.state == "approved", Post.last_shown_on.is_not(None))
_BATCH = 500
_BATCH_ROWS = 1_000
"""A batch with more posts is read one picture, or text, after the other."""


@dataclass(frozen=True, slots=True)
class OtherPost:
    """Holds a post that shows the same as another one."""

    id: int
    title: str
    is_approved: bool
    """Followers have seen it, or will see it."""
    intended: frozenset[int]
    """Posts that a person has repeated in it on purpose."""


@dataclass(frozen=True, slots=True)
class PostsInCommon:
    """Holds posts that have a picture or a text in common."""

    posts: tuple[OtherPost, ...] = ()
    has_more: bool = False
    """There are more of them, which were not read."""
    has_more_approved: bool = False
    """Some of these are approved, or were shown."""

    @classmethod
    def union(cls, parts: Iterable[PostsInCommon]) -> PostsInCommon:
        """Makes one of several; a post that is in more of them counts once."""
        parts = tuple(parts)
        posts = {post.id: post for part in parts for post in part.posts}
        return cls(
            tuple(posts.values()),
            any(part.has_more for part in parts),
            any(part.has_more_approved for part in parts),
        )


def posts_by_picture(
    session: Session, pictures: Collection[str], *, everywhere: bool = False
) -> Mapping[str, PostsInCommon]:
    """Returns the posts that show each file. `everywhere`: all of them, however many there are."""
    return _posts_by(session, PostImage.media_sha256, PostImage.id, pictures, everywhere=everywhere)


def posts_by_text(
    session: Session, digests: Collection[str], *, everywhere: bool = False
) -> Mapping[str, PostsInCommon]:
    """Returns the posts with each digest of a text. `everywhere`: all of them, however many there are."""
    return _posts_by(session, Post.text_digest, Post.id, digests, everywhere=everywhere)


def similar_pictures(
    session: Session, pictures: Mapping[str, str | None], *, everywhere: bool = False
) -> dict[str, tuple[str, ...]]:
    """Returns the files that show the same as each picture, itself included.

    `pictures`: the perceptual hash of each file. `everywhere`: compares them with every picture, however many there
    are.
    """
    if not pictures:
        return {}
    count = session.scalar(select(func.count()).select_from(Media)) or 0
    if count > MAX_COMPARED and not everywhere:
        return {sha256: (sha256,) for sha256 in pictures}
    rows = session.execute(select(Media.sha256, Media.phash).where(Media.phash.is_not(None)))
    hashes = [(sha256, int(phash, 16)) for sha256, phash in rows if phash]
    return {sha256: (sha256, *_look_alikes(phash, hashes)) for sha256, phash in pictures.items()}


def batches(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Splits values into parts that one statement can take."""
    return (values[start : start + _BATCH] for start in range(0, len(values), _BATCH))


def _posts_by(
    session: Session,
    shared: InstrumentedAttribute[Any],
    row_id: InstrumentedAttribute[int],
    values: Collection[str],
    *,
    everywhere: bool,
) -> dict[str, PostsInCommon]:
    """Returns posts by what they share: a column of a table whose newer rows have a larger `row_id`."""
    columns = (shared.label("shared"), Post.id, Post.title, Post.state, Post.last_shown_on, Post.intended_repeats)
    query = select(*columns).where(or_(Post.state != "withdrawn", Post.last_shown_on.is_not(None)))
    if shared.class_ is PostImage:
        query = query.join(PostImage, PostImage.post_id == Post.id)
    posts: dict[str, PostsInCommon] = {}
    for batch in batches(sorted(values)):
        of_batch = query.where(shared.in_(batch))
        rows = session.execute(of_batch if everywhere else of_batch.limit(_BATCH_ROWS)).all()
        if everywhere or len(rows) < _BATCH_ROWS:
            posts |= {value: PostsInCommon(tuple(others)) for value, others in _grouped(rows).items()}
            continue
        for value in batch:
            posts[value] = _first_posts(session, query.where(shared == value).order_by(row_id.desc()))
    return posts


def _first_posts(session: Session, query: Select[Any]) -> PostsInCommon:
    """Reads those of a query that are approved, then the others, as far as a list reads them."""
    rows: list[Row[Any]] = []
    for condition in (_IS_APPROVED, not_(_IS_APPROVED)):
        rows += session.execute(query.where(condition).limit(MAX_LISTED + 1 - len(rows)))
        if len(rows) > MAX_LISTED:
            break
    posts = tuple(map(_other_post, rows))
    has_more = len(posts) > MAX_LISTED
    return PostsInCommon(posts[:MAX_LISTED], has_more, has_more and posts[-1].is_approved)


def _grouped(rows: Sequence[Row[Any]]) -> dict[str, list[OtherPost]]:
    posts: dict[str, list[OtherPost]] = defaultdict(list)
    for row in rows:
        posts[row.shared].append(_other_post(row))
    return posts


def _other_post(row: Row[Any]) -> OtherPost:
    is_approved = row.state == "approved" or row.last_shown_on is not None
    return OtherPost(row.id, row.title, is_approved, frozenset(row.intended_repeats))


def _look_alikes(phash: str | None, hashes: Sequence[tuple[str, int]]) -> list[str]:
    if phash is None:
        return []
    own = int(phash, 16)
    return [other for other, other_hash in hashes if (own ^ other_hash).bit_count() <= MAX_HASH_DISTANCE]
