"""Caches the content problems of posts for as long as the posts stay as they are."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from cachetools import LRUCache
from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import PeopleDirectory
from publisher.db.models import Post
from publisher.posts.problems import PostProblem, content_problems

MAX_POSTS = 5000


class ProblemCache:
    """Caches the content problems of posts for one configuration: adapting a post for every channel takes milliseconds.

    Any number of threads may use it. What depends on the day is never cached.
    """

    def __init__(self, targets: Mapping[str, Target], people: PeopleDirectory, max_posts: int = MAX_POSTS) -> None:
        self._targets = targets
        self._people = people
        self._cached: LRUCache[tuple[int, int], tuple[PostProblem, ...]] = LRUCache(max_posts)
        self._lock = threading.Lock()

    def is_of(self, targets: Mapping[str, Target], people: PeopleDirectory) -> bool:
        """Decides whether the problems were found for exactly these channels and people."""
        return self._targets is targets and self._people is people

    def of(self, session: Session, posts: Mapping[int, int]) -> dict[int, tuple[PostProblem, ...]]:
        """Returns the problems by post, for posts given as id and version. A deleted post has none."""
        problems = self._find(posts)
        missing = [post_id for post_id in posts if post_id not in problems]
        for post in session.scalars(select(Post).where(Post.id.in_(missing))) if missing else ():
            problems[post.id] = content_problems(post, self._targets, self._people)
            self._store((post.id, post.version), problems[post.id])
        return {post_id: problems.get(post_id, ()) for post_id in posts}

    def _find(self, posts: Mapping[int, int]) -> dict[int, tuple[PostProblem, ...]]:
        with self._lock:
            return {key[0]: self._cached[key] for key in posts.items() if key in self._cached}

    def _store(self, key: tuple[int, int], problems: tuple[PostProblem, ...]) -> None:
        with self._lock:
            self._cached[key] = problems
