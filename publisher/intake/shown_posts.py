"""Finds what followers have had already, by the looks of a picture or by the text: an import makes nothing twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.text_digest import text_digest
from publisher.db.models import Media, Post, PostImage
from publisher.intake.exported_posts import key_of_post
from publisher.posts.drafts import PostDraft
from publisher.posts.posts_in_common import MAX_HASH_DISTANCE


@dataclass(frozen=True, slots=True)
class ShownPost:
    """Holds a post that followers have had."""

    id: int | None
    """None: an import makes it, of which this is the preview."""
    title: str
    day: date
    is_from_elsewhere: bool
    """It was published before it came into this desk."""

    def is_like(self, draft: PostDraft, day: date) -> bool:
        """Decides whether it is the same post, where one shows or says the same as the other."""
        return self.day == day or self.title.casefold() == draft.title.casefold()


class ShownPosts:
    """Remembers the looks and the texts of all posts that followers have had."""

    def __init__(self, session: Session) -> None:
        self._hashes: list[tuple[int, ShownPost]] = []
        self._by_text: dict[str, list[ShownPost]] = defaultdict(list)
        columns = (Post.id, Post.title, Post.last_shown_on, Post.published_elsewhere_on)
        shown = Post.last_shown_on.is_not(None)
        for *values, digest in session.execute(select(*columns, Post.text_digest).where(shown)):
            if digest:
                self._by_text[digest].append(_shown_post(values))
        pictures = select(*columns, Media.phash).join(PostImage, PostImage.post_id == Post.id)
        pictures = pictures.join(Media, Media.sha256 == PostImage.media_sha256).where(shown, Media.phash.is_not(None))
        self._hashes += [(int(str(phash), 16), _shown_post(values)) for *values, phash in session.execute(pictures)]
        self._by_key: dict[str, Sequence[Any]] = {
            key_of_post(row.id, row.created_at): row[:4] for row in session.execute(select(*columns, Post.created_at))
        }
        """All posts of the desk, the withdrawn ones, too, by what an export calls them."""

    def add(self, post: ShownPost, draft: PostDraft, hashes: Iterable[str]) -> None:
        """Remembers a post that was just made."""
        if digest := text_digest(draft.title, draft.standfirst, draft.body):
            self._by_text[digest].append(post)
        self._hashes += [(int(phash, 16), post) for phash in hashes]

    def find_same(self, draft: PostDraft, day: date, hashes: Sequence[str | None]) -> ShownPost | None:
        """Finds the post that this one is: one that shows or says the same, on the same day or under the same title."""
        digest = text_digest(draft.title, draft.standfirst, draft.body)
        texts = [post for post in self._by_text.get(digest or "", ()) if post.day == day]
        alike = (post for phash in hashes for post in self.look_alikes(phash) if post.is_like(draft, day))
        return next(alike, texts[0] if texts else None)

    def find_exported(self, key: str, day: date) -> ShownPost | None:
        """Finds the post of this desk that was exported under a key, whatever it says and shows by now."""
        values = self._by_key.get(key)
        if values is None:
            return None
        post_id, title, last_day, elsewhere = values
        return ShownPost(post_id, title, last_day or day, elsewhere is not None)

    def look_alikes(self, phash: str | None) -> Iterator[ShownPost]:
        """Yields the posts with a picture that looks the same."""
        if phash is None:
            return
        own = int(phash, 16)
        for other, post in self._hashes:
            if (own ^ other).bit_count() <= MAX_HASH_DISTANCE:
                yield post


def _shown_post(values: Sequence[Any]) -> ShownPost:
    post_id, title, day, elsewhere = values
    return ShownPost(post_id, title, day, elsewhere is not None)
