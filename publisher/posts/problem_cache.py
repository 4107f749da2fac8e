"""What is wrong with posts, remembered for as long as they stay as they are."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.adapt.posts import Target
from publisher.adapt.text.mentions import People
from publisher.db.models import Post
from publisher.posts.problems import PostProblem, content_problems

MOST = 5000


class KnownProblems:
    """The content problems of posts for one configuration. Adapting a post for every channel takes milliseconds.

    Any number of threads may ask. What depends on the day is never remembered.
    """

    def __init__(self, targets: Mapping[str, Target], people: People, most: int = MOST) -> None:
        self._targets = targets
        self._people = people
        self._most = most
        self._kept: OrderedDict[tuple[int, int], tuple[PostProblem, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def is_of(self, targets: Mapping[str, Target], people: People) -> bool:
        """Whether they were found for just these channels and people."""
        return self._targets is targets and self._people is people

    def of(self, session: Session, posts: Mapping[int, int]) -> dict[int, tuple[PostProblem, ...]]:
        """By post, for posts that are given as id and version. A post that is not there any more has none."""
        found = self._recall(posts)
        missing = [post_id for post_id in posts if post_id not in found]
        for post in session.scalars(select(Post).where(Post.id.in_(missing))) if missing else ():
            found[post.id] = content_problems(post, self._targets, self._people)
            self._keep((post.id, post.version), found[post.id])
        return {post_id: found.get(post_id, ()) for post_id in posts}

    def _recall(self, posts: Mapping[int, int]) -> dict[int, tuple[PostProblem, ...]]:
        found = {}
        with self._lock:
            for key in posts.items():
                if key in self._kept:
                    self._kept.move_to_end(key)
                    found[key[0]] = self._kept[key]
        return found

    def _keep(self, key: tuple[int, int], problems: tuple[PostProblem, ...]) -> None:
        with self._lock:
            self._kept[key] = problems
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
