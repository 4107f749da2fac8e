"""Looks for one post in the listing of a Tumblr blog. A listing may lag behind: what it lacks may be public."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from publisher.core.content import AdaptedPost
from publisher.platforms.errors import Unavailable
from publisher.platforms.tumblr import recognition as posts
from publisher.platforms.tumblr.client import PAGE, SafeTumblrClient
from publisher.platforms.tumblr.problem_codes import TumblrRequestProblem

MAX_PAGES = 20
"""Of 20 posts each: more than Tumblr takes from one account in a day."""
FEW_PAGES = 3
"""So many are looked through where no time says when the post could have been published."""
CLOCK_DIFFERENCE = timedelta(seconds=60)
MAX_DRAFT_AGE = timedelta(days=1)
"""A draft that is published may keep the time at which it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostQuery:
    """Holds what is known about a post that may be public."""

    post: AdaptedPost
    key: str
    draft: str = ""
    """Its id as a draft; Tumblr may have given it another one since. Empty: it was no draft."""
    newer_than: int = 0
    """Ids grow: a post of no larger id is not ours, however alike they look."""
    platform_time: datetime | None = None
    """Tumblr's clock before it was published."""
    since: datetime | None = None
    """Our clock before it was published; used where Tumblr's is not known."""


def find_post(client: SafeTumblrClient, query: PostQuery) -> posts.PostData | None:
    """Returns the first of `find_all_posts`, without reading on once a post is surely ours."""
    return next(iter(_alike(client, query, until_sure=True)), None)


def find_all_posts(client: SafeTumblrClient, query: PostQuery) -> list[posts.PostData]:
    """Returns posts with our slug or of our draft; else, should Tumblr have changed both, with our text and tags."""
    return _alike(client, query, until_sure=False)


def _alike(client: SafeTumblrClient, query: PostQuery, *, until_sure: bool) -> list[posts.PostData]:
    ours: list[posts.PostData] = []
    lookalikes: list[posts.PostData] = []
    for shown in _newest_first(client, query):
        if posts.has_key(shown, query.key) or (query.draft and posts.draft_id(shown) == query.draft):
            ours.append(shown)
            if until_sure:
                break
        elif _may_be(shown, query, client) and posts.has_text_and_tags(shown, query.post):
            lookalikes.append(shown)
    return ours or lookalikes


def posts_since(client: SafeTumblrClient, post: AdaptedPost, since: datetime) -> list[posts.PostData]:
    """Returns the blog's published posts since then (our clock)."""
    query = PostQuery(post=post, key="", since=since - MAX_DRAFT_AGE)
    return [shown for shown in _newest_first(client, query) if _may_be(shown, query, client)]


def find_by_draft(client: SafeTumblrClient, draft: str) -> posts.PostData | None:
    """Returns one of the newest posts that was this draft."""
    for number in range(FEW_PAGES):
        page = client.recent(None, number * PAGE)
        for shown in page:
            if posts.draft_id(shown) == draft:
                return shown
        if len(page) < PAGE:
            break
    return None


def newest_id(client: SafeTumblrClient) -> int:
    """Returns the largest id among the newest posts; a pinned post may stand first. 0 on an empty blog."""
    return max(
        (int(name) for post in client.recent(None, 0) if (name := posts.identifier(post)).isdecimal()), default=0
    )


def _may_be(shown: posts.PostData, query: PostQuery, client: SafeTumblrClient) -> bool:
    name = posts.identifier(shown)
    newer = not query.newer_than or (name.isdecimal() and int(name) > query.newer_than)
    return newer and posts.timestamp(shown) >= (_oldest(query, client) or 0)


def _oldest(query: PostQuery, client: SafeTumblrClient) -> int | None:
    """Returns the epoch seconds by Tumblr's clock before which our post can't be, as far as is known by now."""
    start = query.platform_time
    if start is None and query.since is not None:
        start = query.since + client.request.ahead
    if start is None:
        return None
    return int((start - (MAX_DRAFT_AGE if query.draft else CLOCK_DIFFERENCE)).timestamp())


def _newest_first(client: SafeTumblrClient, query: PostQuery) -> Iterator[posts.PostData]:
    """Yields published posts until they are too old to be ours."""
    known: dict[str, posts.PostData] = {}
    before, skip = None, 0
    for _ in range(MAX_PAGES):
        new = [post for post in client.recent(before, skip) if posts.identifier(post) not in known]
        # A page of known posts is the end only behind as many as are known: a second can have more than a page.
        if not new and skip > _count_before(known.values(), before):
            return
        yield from new
        known |= {posts.identifier(post): post for post in new}
        # The last counts: a pinned post stands first whatever its age.
        oldest = _oldest(query, client)
        if new and (len(known) >= FEW_PAGES * PAGE if oldest is None else posts.timestamp(new[-1]) < oldest):
            return
        following = posts.timestamp(new[-1]) + 1 if new else before
        skip = skip + PAGE if following == before else 0
        before = following
    raise Unavailable(TumblrRequestProblem.LISTING_TOO_LONG())


def _count_before(known: Iterable[posts.PostData], before: int | None) -> int:
    """Counts the posts that a listing before a time may show. None: there is no such time."""
    stamps = (post.get("timestamp") for post in known)
    return sum(1 for stamp in stamps if before is None or not isinstance(stamp, int) or stamp < before)
