"""Reads the account's own posts as X lists them: the newest one, and ours among newer ones.

Only the posts' numbers say which of them may be ours: X counts them up, and each carries the moment at which
X made it. Neither our clock nor X's `start_time` is asked, which was seen to hide posts that exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.core.content import AdaptedPost, Preparation
from publisher.core.messages import _
from publisher.platforms.errors import Unavailable
from publisher.platforms.transport import SentRequest, json_object, platform_time
from publisher.platforms.x.answers import dicts_in, is_repost, is_same_post, next_page, post_id, replied_post_id
from publisher.platforms.x.client import XClient
from publisher.platforms.x.problem_codes import XProblem

FIRST_MOMENT = datetime.fromtimestamp(1_288_834_974.657, UTC)
"""When X's numbers begin: https://docs.x.com/resources/fundamentals/x-ids."""
BITS_BELOW_MILLISECONDS = 22
NO_POSTS = "0"
"""The reference where the account has no posts."""
NOT_READ = "not read"
"""The reference where the account's posts could not be read before ours was sent."""
CLOCK_MARGIN = timedelta(hours=2)
"""Where no reference is known, posts that are so much older than the request are surely not ours."""

FEWEST_POSTS = 5
"""X lists no fewer, and each of them has its price."""
NEWER_PAGE, OLDER_PAGE = 100, 20
MAX_POSTS = 500
FIELDS = "attachments,created_at,note_tweet,referenced_tweets"
LOOKING = SentRequest(_("Looking for the post on X"))


class Timeline:
    """Reads the posts of one account. `user_id` is called for its number."""

    def __init__(self, client: XClient, user_id: Callable[[], str]) -> None:
        self._client = client
        self._user_id = user_id

    def newest(self) -> Preparation:
        """Returns the newest post's number and X's time. A listing that lags shows an older one, which does no harm."""
        sent = SentRequest(_("Reading the account's newest post on X"))
        answer = self._client.request("GET", self._route(), params={"max_results": str(FEWEST_POSTS)}, sent=sent)
        page = json_object(answer) or {}
        numbers = [int(post_id(tweet)) for tweet in dicts_in(page, "data")]
        meta = page.get("meta")
        if not numbers and not (isinstance(meta, dict) and meta.get("result_count") == 0):
            raise Unavailable(XProblem.LISTING_INCOMPLETE(step=sent.what))
        return Preparation(
            reference=str(max(numbers)) if numbers else NO_POSTS, platform_time=platform_time(answer.headers)
        )

    def find(self, post: AdaptedPost, since: datetime, preparation: Preparation) -> list[str]:
        """Returns the numbers of posts like ours among those newer than what was prepared, the oldest first.

        `since`: our clock when it was sent, of use only where the newest post before ours is not known.

        Raises:
            Unavailable: the question was not answered, or there are too many posts to read.
        """
        reference = preparation.reference or post.reply_to
        known = reference.isdecimal() and reference != NO_POSTS
        floor = int(reference) if known else number_at(min(preparation.platform_time or since, since) - CLOCK_MARGIN)
        size = NEWER_PAGE if known else OLDER_PAGE
        query = {"max_results": str(size), "tweet.fields": FIELDS} | ({"since_id": reference} if known else {})
        alike: set[int] = set()
        for _page in range(MAX_POSTS // size):
            page = self._page(query)
            numbers = {int(post_id(tweet)): tweet for tweet in dicts_in(page, "data")}
            for number, tweet in numbers.items():
                if number > floor and is_same_post(post.caption, len(post.images), tweet, reply_to=post.reply_to):
                    alike.add(number)
            token = next_page(page)
            if token is None or (numbers and min(numbers) <= floor):
                return [str(number) for number in sorted(alike)]
            query["pagination_token"] = token
        if alike:
            # That it is public is certain; whether there are more copies among still older posts is not asked.
            return [str(number) for number in sorted(alike)]
        raise Unavailable(XProblem.LISTING_TOO_LONG(step=LOOKING.what, maximum=MAX_POSTS))

    def numbers_since(self, since: datetime, reply_to: str | None) -> list[str]:
        """Returns the numbers of the account's own posts since then, or of its replies to one post.

        Posts that hand on another one's post are left out.

        Raises:
            Unavailable: the question was not answered, or there are too many posts to read.
        """
        floor = number_at(since - CLOCK_MARGIN)
        query = {"max_results": str(OLDER_PAGE), "tweet.fields": FIELDS}
        numbers: dict[str, None] = {}
        for _page in range(MAX_POSTS // OLDER_PAGE):
            page = self._page(query)
            tweets = dicts_in(page, "data")
            new = [tweet for tweet in tweets if int(post_id(tweet)) >= floor]
            own = (tweet for tweet in new if not is_repost(tweet))
            numbers |= {post_id(tweet): None for tweet in own if replied_post_id(tweet) == (reply_to or None)}
            token = next_page(page)
            if token is None or (tweets and not new):
                return list(numbers)
            query["pagination_token"] = token
        raise Unavailable(XProblem.LISTING_TOO_LONG(step=_("Looking for posts on X"), maximum=MAX_POSTS))

    def _page(self, query: Mapping[str, str]) -> dict[str, Any]:
        return json_object(self._client.request("GET", self._route(), params=query, sent=LOOKING)) or {}

    def _route(self) -> str:
        return f"/2/users/{self._user_id()}/tweets"


def lowest_id_since(instant: datetime) -> str:
    """Returns a number that is surely lower than that of any post made since then (our clock)."""
    return str(number_at(instant - CLOCK_MARGIN))


def number_at(instant: datetime) -> int:
    """Returns the lowest number that a post made at this moment can have."""
    milliseconds = (instant - FIRST_MOMENT) // timedelta(milliseconds=1)
    return max(milliseconds, 0) << BITS_BELOW_MILLISECONDS
