"""Finds posts that belong to another one: with a similar picture, or shown on the same day of another year."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.db.models import SHOWN, Media, Post, PostImage
from publisher.posts.search import years_shown

MAX_DISTANCE = 88
"""Perceptual hashes with at most this many different bits of 256 are called similar: of unrelated pictures, about half
of the bits differ, and among 100,000 of them hardly one has fewer than 88 by chance."""
MAX_SIMILAR = 12
MAX_ON_DAY = 20
HASH_BITS = 256


@dataclass(frozen=True, slots=True)
class RelatedPost:
    """Holds what a list shows of a post that belongs to another."""

    id: int
    title: str
    language: str
    last_shown_on: date | None
    likeness: int | None = None
    """How many of 100 parts of their perceptual hashes are the same. None: it is no matter of pictures."""


def similar_posts(session: Session, post: Post) -> list[RelatedPost]:
    """Returns the posts with the most similar pictures, the most similar first. It compares with every picture."""
    own = [int(image.media.phash, 16) for image in post.images if image.media.phash]
    if not own:
        return []
    stored = session.execute(select(Media.sha256, Media.phash).where(Media.phash.is_not(None)))
    distances: dict[str, int] = {}
    for sha256, phash in stored:
        other = int(phash or "0", 16)
        if (distance := min((hash_ ^ other).bit_count() for hash_ in own)) <= MAX_DISTANCE:
            distances[sha256] = distance
    nearest = sorted(distances, key=lambda sha256: (distances[sha256], sha256))[: 4 * MAX_SIMILAR]
    columns = (PostImage.media_sha256, Post.id, Post.title, Post.language, Post.last_shown_on)
    query = select(*columns).join(Post, Post.id == PostImage.post_id).where(Post.state != "withdrawn")
    rows = session.execute(query.where(PostImage.media_sha256.in_(nearest), Post.id != post.id)).all()
    found: dict[int, RelatedPost] = {}
    for row in sorted(rows, key=lambda row: (distances[row.media_sha256], row.id)):
        likeness = round(100 * (1 - distances[row.media_sha256] / HASH_BITS))
        found.setdefault(row.id, RelatedPost(row.id, row.title, row.language, row.last_shown_on, likeness))
    return list(found.values())[:MAX_SIMILAR]


def posts_on_day(session: Session, post: Post) -> list[RelatedPost]:
    """Returns the posts that were shown on the same day of other years, the newest first.

    The day is the fixed date of a post that waits for one, else the day on which it was shown last.
    """
    day = post.fixed_date or post.last_shown_on
    if day is None:
        return []
    query = select(Post.id, Post.title, Post.language, Post.last_shown_on).where(
        SHOWN, Post.last_shown_on.in_(list(_same_days(day, years_shown(session)))), Post.id != post.id
    )
    rows = session.execute(query.order_by(Post.last_shown_on.desc(), Post.id.desc()).limit(MAX_ON_DAY))
    return [RelatedPost(*row) for row in rows]


def _same_days(day: date, years: Iterable[int]) -> Iterable[date]:
    for year in years:
        if year != day.year:
            try:
                yield day.replace(year=year)
            except ValueError:
                # No 29 February: the archive has none to show for it.
                continue
