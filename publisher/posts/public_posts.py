"""Decides what is public: which posts on which days, and with which text.

A post is public from its slot on: when it was picked. One that was published before it came into this desk is public on
its day of then. A withdrawn post is not, nor is one whose embargo is not over. What the public reads is the approved
text, or the text that an import brought: never a change that nobody has approved.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Subquery, and_, func, or_, select, union
from sqlalchemy.orm import Session

from publisher.core.search_query import SearchQuery
from publisher.db.imports import ItemKey
from publisher.db.models import Pick, Post
from publisher.db.post_search import matching_posts
from publisher.db.staff import PostVersion
from publisher.posts.search_matches import has_all
from publisher.posts.search_texts import search_texts
from publisher.posts.unsaved import build_post
from publisher.posts.versions import load_version

BATCH = 200
"""Posts that are read at once."""
FOUND_BATCH = 60
"""Posts that one search reads at once."""
MAX_EXAMINED = 960
"""Posts of the index whose public texts one search reads at most."""


@dataclass(frozen=True, slots=True)
class PublicPost:
    """Holds a post as the public may read it, and the days on which it was shown, the first one first."""

    id: int
    version: int
    content: Post
    """Not stored, and of no session, where it differs from the post as it is now."""
    days: tuple[date, ...]

    def has_words(self, query: SearchQuery) -> bool:
        """Decides whether the public texts have each word and phrase of a search: the index knows others, too."""
        return has_all(query, (text for text in search_texts(self.content) if text.field != "captions"))


class PublicPosts:
    """Reads what is public at an instant, within one transaction."""

    def __init__(self, session: Session, now: datetime, today: date) -> None:
        """`today`: the outlet's day."""
        self._session = session
        self._now = now
        self._today = today

    def was_withdrawn(self, day: date) -> bool:
        """Decides whether a post of this day was withdrawn."""
        days = self._days(on=day)
        query = select(days.c.post_id).join(Post, Post.id == days.c.post_id).where(Post.state == "withdrawn")
        return self._session.scalar(query.limit(1)) is not None

    def held_until(self, post_id: int, day: date) -> datetime | None:
        """Returns when a post of a day was picked, or when its embargo was over, whichever was later."""
        moments = (
            self._session.scalar(select(Pick.picked_at).where(Pick.slot == day, Pick.post_id == post_id)),
            self._session.scalar(select(Post.embargo_until).where(Post.id == post_id)),
        )
        return max((moment for moment in moments if moment is not None), default=None)

    def versions(self) -> list[tuple[int, int, date]]:
        """Returns the id, the number of the present version and a day for every public post and day, in their order."""
        days = self._days()
        query = select(Post.id, Post.version, days.c.day).join(days, days.c.post_id == Post.id).where(self._is_shown())
        return [(row[0], row[1], row[2]) for row in self._session.execute(query.order_by(days.c.day, Post.id))]

    def find(self, query: SearchQuery, limit: int) -> tuple[list[PublicPost], bool]:
        """Returns posts whose public texts have what is searched for, the last shown first, and whether more may."""
        ids = self._indexed(query)
        batches = (ids[start : start + FOUND_BATCH] for start in range(0, min(len(ids), MAX_EXAMINED), FOUND_BATCH))
        matching = (post for batch in batches for post in self.read(batch) if post.has_words(query))
        found = list(itertools.islice(matching, limit + 1))
        return found[:limit], len(found) > limit or len(ids) > MAX_EXAMINED

    def _indexed(self, query: SearchQuery) -> list[int]:
        """Returns the public posts that the index finds, by whatever text, those that were shown last first."""
        days = self._days()
        newest = func.max(days.c.day)
        found = select(Post.id).join(days, days.c.post_id == Post.id)
        found = found.where(self._is_shown(), matching_posts(self._session, query)).group_by(Post.id)
        return list(self._session.scalars(found.order_by(newest.desc(), Post.id.desc()).limit(MAX_EXAMINED + 1)))

    def read(self, ids: Iterable[int]) -> Iterator[PublicPost]:
        """Yields posts as the public may read them, in the order of their numbers here; others are left out."""
        numbers = list(ids)
        for start in range(0, len(numbers), BATCH):
            batch = numbers[start : start + BATCH]
            days: dict[int, list[date]] = defaultdict(list)
            shown = self._days(ids=batch)
            for day, post_id in self._session.execute(select(shown.c.day, shown.c.post_id).order_by(shown.c.day)):
                days[post_id].append(day)
            found = self._session.scalars(select(Post).where(Post.id.in_(list(days)), self._is_shown()))
            posts = {post.id: post for post in found}
            for post in (posts[number] for number in batch if number in posts):
                if (content := self._public_content(post)) is not None:
                    yield PublicPost(post.id, post.version, content, tuple(days[post.id]))

    def _public_content(self, post: Post) -> Post | None:
        """Returns the approved text of a post, else the one that its import brought."""
        if post.state == "approved":
            return post
        version = post.approved_version
        if version is None and post.published_elsewhere_on is not None:
            version = self._imported_version(post.id)
        if version is None:
            return None
        return (
            post
            if version == post.version
            else build_post(self._session, load_version(self._session, post.id, version))
        )

    def _imported_version(self, post_id: int) -> int | None:
        """Returns the version that an import wrote last; the first one where its source is no longer known."""
        brought = select(func.max(ItemKey.post_version)).where(ItemKey.post_id == post_id, ItemKey.made_post)
        first = select(func.min(PostVersion.version)).where(PostVersion.post_id == post_id)
        return self._session.scalar(brought) or self._session.scalar(first)

    def _is_shown(self) -> ColumnElement[bool]:
        has_public_text = or_(
            Post.state == "approved", Post.approved_version.is_not(None), Post.published_elsewhere_on.is_not(None)
        )
        is_released = or_(Post.embargo_until.is_(None), Post.embargo_until <= self._now)
        return and_(Post.state != "withdrawn", has_public_text, is_released)

    def _days(self, on: date | None = None, ids: Collection[int] | None = None) -> Subquery:
        """Selects each day with the post that followers had, whatever became of it since.

        `on`: this day alone. `ids`: these posts alone.
        """
        picked = select(Pick.slot.label("day"), Pick.post_id.label("post_id"))
        picked = picked.where(Pick.post_id.is_not(None), Pick.slot <= self._today)
        elsewhere = select(Post.published_elsewhere_on, Post.id)
        elsewhere = elsewhere.where(
            Post.published_elsewhere_on.is_not(None), Post.published_elsewhere_on <= self._today
        )
        if on is not None:
            picked, elsewhere = picked.where(Pick.slot == on), elsewhere.where(Post.published_elsewhere_on == on)
        if ids is not None:
            picked, elsewhere = picked.where(Pick.post_id.in_(ids)), elsewhere.where(Post.id.in_(ids))
        return union(picked, elsewhere).subquery()
