"""Simulates X: API v2 with checked signatures, media, posts and the account's timeline."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import FaultQueue
from publisher.sandbox.habits import PlatformHabits
from publisher.sandbox.ledger import Ledger, LedgerPost
from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.accounts import DISPLAY_NAME, USER_ID, USER_NAME, Accounts
from publisher.sandbox.x.habits import HABITS
from publisher.sandbox.x.media import MediaUploads, Upload, json_of
from publisher.sandbox.x.problems import (
    DUPLICATE,
    NO_REPLIES,
    NO_WRITING,
    NOT_PERMITTED,
    NOT_VISIBLE,
    Refusal,
    forbidden,
    invalid,
    not_found,
    problem,
    unauthorized,
)
from publisher.sandbox.x.rate_limits import POSTS, RateLimits
from publisher.sandbox.x.text import as_shown, fits

ID_EPOCH = datetime.fromtimestamp(1_288_834_974.657, UTC)
"""The instant that X's ids count from: milliseconds since then, then 22 bits that tell ids of one millisecond apart."""
TEXT_LIMIT = 280
MAX_MEDIA = 4
POST_FIELDS = frozenset({"text", "media", "reply", "reply_settings", "made_with_ai", "paid_partnership"})
TIMELINE_QUERY = frozenset({"max_results", "since_id", "start_time", "pagination_token", "tweet.fields", "exclude"})
ALWAYS_SHOWN = ("id", "text", "edit_history_tweet_ids")

DUPLICATE_MEMORY = timedelta(days=7)
"""How long a text is remembered. X does not document it; hours and days were reported, nothing is proved."""


class Sandbox(SandboxPlatform):
    name: ClassVar[str] = "x"
    label: ClassVar[str] = "X"
    habits: ClassVar[PlatformHabits] = HABITS

    def __init__(self, ledger: Ledger, faults: FaultQueue) -> None:
        super().__init__(ledger, faults)
        self.accounts = Accounts(self.now)
        self.refuse_duplicates = True
        """Whether a text that the account has posted lately is refused. Off is the harder case:
        a double send makes two copies."""
        self.duplicate_memory = DUPLICATE_MEMORY
        self.refused_duplicates: list[str] = []
        """The texts that were refused as duplicates: each is a second request for a post, or an older post."""
        self.hides_time_windows = False
        """Whether a timeline that begins at a `start_time` shows nothing, as was reported."""
        self.refuse_replies = False
        """Whether this app may not reply, not even to the account's own posts."""
        self.rate_limits = RateLimits(self.now)
        self.keys_may_only_read = False
        """Whether the access token was made before the app got read and write permission. X tells it by a header."""
        self.credits: int | None = None
        """How many posts are paid for. None: any number."""
        self._media = MediaUploads(self.now, self._next_id)
        self._deleted: set[str] = set()
        self._last_id = 0

    def set_evidence(self, *, on: bool) -> None:
        self.refuse_duplicates = on

    def account(self) -> str:
        return USER_NAME

    def credentials(self) -> dict[str, str]:
        return self.accounts.oauth1_credentials()

    def publishes(self, request: Request) -> bool:
        return request.method == "POST" and request.path == "/2/tweets"

    def refusal(self, kind: str) -> Answer:
        match kind:
            case "429":
                return self.rate_limits.none_left(POSTS)
            case "unauthorized":
                return unauthorized()
            case "reject":
                return forbidden(NOT_PERMITTED)
            case "504":
                return Answer.of_text(504, "upstream request timeout")
            case _:
                return problem(500, "Internal Server Error", "Something is broken.")

    def handle(self, request: Request) -> Answer:
        try:
            answer = self._route(request)
        except Refusal as refusal:
            answer = refusal.answer
        return replace(answer, headers={**answer.headers, "x-transaction-id": f"{int(self._next_id()):016x}"})

    def _route(self, request: Request) -> Answer:
        if page := self.accounts.page(request):
            return page(request)
        if not self.accounts.allows(request):
            return unauthorized()
        headers = self.rate_limits.take(request) | self._access_level(request)
        try:
            if self.keys_may_only_read and request.method != "GET":
                return problem(403, "Forbidden", NO_WRITING, "oauth1-permissions", headers)
            answer = self._answer(request)
        except Refusal as refusal:
            answer = refusal.answer
        return replace(answer, headers={**answer.headers, **headers})

    def _answer(self, request: Request) -> Answer:
        if request.path.startswith("/2/media/"):
            return self._media.answer(request)
        match request.method, request.path.removeprefix("/2/").split("/"):
            case "GET", ["users", "me"]:
                me = {"id": USER_ID, "name": DISPLAY_NAME, "username": USER_NAME}
                return Answer.of_json(200, {"data": me})
            case "GET", ["users", number, "tweets"]:
                return self._timeline(number, request)
            case "POST", ["tweets"]:
                return self._post(request)
            case "GET", ["tweets", number]:
                return self._show(number, request)
            case "DELETE", ["tweets", number]:
                return self._delete(number)
            case _:
                return problem(404, "Not Found", "Not Found")

    def _access_level(self, request: Request) -> dict[str, str]:
        if request.headers.get("authorization", "").startswith("Bearer "):
            return {}
        return {"x-access-level": "read" if self.keys_may_only_read else "read-write"}

    def _next_id(self) -> str:
        """Returns an id that is larger than every earlier one and contains the present time."""
        milliseconds = (self.now() - ID_EPOCH) // timedelta(milliseconds=1)
        self._last_id = max(self._last_id + 1, milliseconds << 22)
        return str(self._last_id)

    def reset(self) -> None:
        super().reset()
        self.refused_duplicates.clear()

    def forget_media(self) -> None:
        """Lets every uploaded picture expire."""
        self._media.forget()

    # --- posting -----------------------------------------------------------------------------

    def _post(self, request: Request) -> Answer:
        if self.credits == 0:
            return problem(402, "CreditsDepleted", "Your account has no credits left.", "credits")
        values = json_of(request)
        uploads = self._check_post(values)
        post = self.make_post(str(values.get("text", "")), uploads, self._replied_to(values))
        self.ledger.add(post)
        if self.credits is not None:
            self.credits -= 1
        tweet = post.detail["tweet"]
        return Answer.of_json(201, {"data": {name: tweet[name] for name in ALWAYS_SHOWN}})

    def _check_post(self, values: dict[str, Any]) -> list[Upload]:
        """Checks a post as X would, and returns its media. Raises Refusal."""
        if unknown := sorted(set(values) - POST_FIELDS):
            raise Refusal(invalid(f"$.{unknown[0]}: is not defined in the schema.", unknown[0], values[unknown[0]]))
        text = values.get("text", "")
        media = values.get("media", {})
        numbers = media.get("media_ids") if isinstance(media, dict) else None
        numbers = numbers if isinstance(numbers, list) else []
        if not isinstance(text, str) or not (text.strip() or numbers):
            raise Refusal(invalid("A post needs text or media.", "text", text))
        if "media" in values and not 1 <= len(numbers) <= MAX_MEDIA:
            raise Refusal(invalid(f"A post shows 1 to {MAX_MEDIA} media.", "media.media_ids", numbers))
        uploads = self._media.take([str(number) for number in numbers])
        if not fits(text, TEXT_LIMIT):
            raise Refusal(forbidden(NOT_PERMITTED))
        if self.refuse_duplicates and self._is_duplicate(text):
            self.refused_duplicates.append(text)
            raise Refusal(forbidden(DUPLICATE))
        return uploads

    def _is_duplicate(self, text: str) -> bool:
        earliest = self.now() - self.duplicate_memory
        return any(post.at >= earliest and _same_text(post.caption, text) for post in self._public_posts())

    def _replied_to(self, values: dict[str, Any]) -> str:
        """Returns the id of the post that this one replies to; empty when it is no reply. Raises Refusal."""
        if "reply" not in values:
            return ""
        reply = values["reply"]
        number = reply.get("in_reply_to_tweet_id") if isinstance(reply, dict) else None
        if not isinstance(number, str) or not number.isdecimal():
            raise Refusal(invalid("in_reply_to_tweet_id is no post's id.", "reply.in_reply_to_tweet_id", number))
        if all(post.id != number for post in self._public_posts()):
            raise Refusal(forbidden(NOT_VISIBLE))
        if self.refuse_replies:
            raise Refusal(forbidden(NO_REPLIES))
        return number

    def make_post(self, text: str, uploads: list[Upload], reply_to: str = "") -> LedgerPost:
        number = self._next_id()
        url = f"https://x.com/{USER_NAME}/status/{number}"
        shown_text, links = as_shown(text, f"{url}/photo/1" if uploads else None)
        at = self.now()
        tweet: dict[str, Any] = {
            "id": number,
            "text": shown_text,
            "edit_history_tweet_ids": [number],
            "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "author_id": USER_ID,
            "entities": {"urls": links},
        }
        if uploads:
            tweet["attachments"] = {"media_keys": [upload.media_key for upload in uploads]}
        if reply_to:
            tweet["in_reply_to_user_id"] = USER_ID
            tweet["referenced_tweets"] = [{"type": "replied_to", "id": reply_to}]
        return LedgerPost(
            platform=self.name,
            account=USER_NAME,
            id=number,
            at=at,
            url=url,
            caption=text,
            tags=tuple(re.findall(r"#(\w+)", text)),
            images=tuple(
                replace(media_item.picture, alt_text=media_item.alt_text)
                for media_item in uploads
                if media_item.picture
            ),
            idempotency_key=None,
            detail={"tweet": tweet, "media": [_media_as_json(upload) for upload in uploads], "reply_to": reply_to},
        )

    # --- reading -----------------------------------------------------------------------------

    def _public_posts(self) -> list[LedgerPost]:
        """Returns the posts that were not deleted, newest first."""
        return self._without_deleted(self.posts())

    def _without_deleted(self, posts: list[LedgerPost]) -> list[LedgerPost]:
        return [post for post in reversed(posts) if post.id not in self._deleted]

    def _timeline(self, number: str, request: Request) -> Answer:
        query = request.query
        if unknown := sorted(set(query) - TIMELINE_QUERY):
            return invalid(f"The query parameter [{unknown[0]}] is not known.", unknown[0], query[unknown[0]])
        size, start, token = query.get("max_results", "10"), query.get("start_time"), query.get("pagination_token", "0")
        if not size.isdecimal() or not 5 <= int(size) <= 100:
            return invalid(f"The `max_results` query parameter value [{size}] is not between 5 and 100", "max_results")
        if not token.isdecimal():
            return invalid("The pagination token is not known.", "pagination_token", token)
        if number != USER_ID:
            return not_found("user", number)
        try:
            earliest = datetime.fromisoformat(start) if start else datetime.min.replace(tzinfo=UTC)
        except ValueError:
            return invalid("start_time is no instant.", "start_time", start)
        if earliest > self.now():
            return invalid(f"'start_time' must be a time before now. You gave [{start}]", "start_time", start)
        if start and self.hides_time_windows:
            return _page_of([], 0, int(size), "")
        since = int(query.get("since_id", "0"))
        listed = self._without_deleted(self.listed_posts())
        posts = [post for post in listed if post.at >= earliest and int(post.id) > since]
        return _page_of(posts, int(token), int(size), query.get("tweet.fields", ""))

    def _show(self, number: str, request: Request) -> Answer:
        post = next((post for post in self._without_deleted(self.readable_posts()) if post.id == number), None)
        if post is None:
            return not_found("tweet", number)
        query = request.query
        body: dict[str, Any] = {"data": _fields(post, query.get("tweet.fields", ""))}
        if "attachments.media_keys" in query.get("expansions", "").split(",") and post.images:
            requested_fields = {"media_key", "type", *query.get("media.fields", "").split(",")}
            media = [
                {name: media_item[name] for name in media_item if name in requested_fields}
                for media_item in post.detail["media"]
            ]
            body["data"]["attachments"] = post.detail["tweet"]["attachments"]
            body["includes"] = {"media": media}
        return Answer.of_json(200, body)

    def _delete(self, number: str) -> Answer:
        deleted = any(post.id == number for post in self._public_posts())
        self._deleted.add(number)
        return Answer.of_json(200, {"data": {"deleted": deleted}})


def _media_as_json(upload: Upload) -> dict[str, Any]:
    kind = "animated_gif" if upload.category == "tweet_gif" else "photo"
    medium = {"media_key": upload.media_key, "type": kind}
    return medium if upload.alt_text is None else {**medium, "alt_text": upload.alt_text}


def _page_of(posts: list[LedgerPost], first: int, size: int, fields: str) -> Answer:
    page = posts[first : first + size]
    if not page:
        return Answer.of_json(200, {"meta": {"result_count": 0}})
    meta: dict[str, Any] = {"result_count": len(page), "newest_id": page[0].id, "oldest_id": page[-1].id}
    if len(posts) > first + size:
        meta["next_token"] = str(first + size)
    return Answer.of_json(200, {"data": [_fields(post, fields) for post in page], "meta": meta})


def _fields(post: LedgerPost, requested: str) -> dict[str, Any]:
    tweet = post.detail["tweet"]
    return {name: tweet[name] for name in (*ALWAYS_SHOWN, *requested.split(",")) if name in tweet}


def _same_text(text: str, other: str) -> bool:
    return unicodedata.normalize("NFC", text).strip() == unicodedata.normalize("NFC", other).strip()
