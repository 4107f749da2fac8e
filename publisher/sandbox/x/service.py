"""X on the local stage: API v2 with signatures checked, media, posts and the account's timeline."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import FaultBox
from publisher.sandbox.habits import PlatformHabits
from publisher.sandbox.ledger import Ledger, LedgerPost
from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.accounts import DISPLAY_NAME, USER_ID, USER_NAME, Accounts
from publisher.sandbox.x.habits import HABITS
from publisher.sandbox.x.media import Shelf, Upload, json_of
from publisher.sandbox.x.problems import (
    DUPLICATE,
    NO_REPLIES,
    NOT_PERMITTED,
    NOT_VISIBLE,
    Refusal,
    forbidden,
    invalid,
    not_found,
    problem,
    unauthorized,
)
from publisher.sandbox.x.text import as_shown, fits
from publisher.sandbox.x.windows import POSTS, Windows

FIRST_MOMENT = datetime.fromtimestamp(1_288_834_974.657, UTC)
"""When X's numbers begin. Each is the milliseconds since then, and 22 bits to tell those of one apart."""
TEXT_LIMIT = 280
MAX_MEDIA = 4
POST_FIELDS = frozenset({"text", "media", "reply", "reply_settings", "made_with_ai", "paid_partnership"})
TIMELINE_QUERY = frozenset({"max_results", "since_id", "start_time", "pagination_token", "tweet.fields", "exclude"})
ALWAYS_SHOWN = ("id", "text", "edit_history_tweet_ids")


class Sandbox(SandboxPlatform):
    name: ClassVar[str] = "x"
    label: ClassVar[str] = "X"
    habits: ClassVar[PlatformHabits] = HABITS

    def __init__(self, ledger: Ledger, faults: FaultBox) -> None:
        super().__init__(ledger, faults)
        self.accounts = Accounts(self.now)
        self.refuse_duplicates = True
        """Whether a text that the account has posted lately is refused. Off is the harder case:
        a double send shows up as two copies."""
        self.memory = timedelta(days=7)
        """How long a text is remembered. X tells nobody how long; hours and days were reported, nothing is proved."""
        self.refused_duplicates: list[str] = []
        """The texts that were refused as duplicates: each is a second request for a post, or an older post."""
        self.hides_time_windows = False
        """Whether a timeline that begins at a `start_time` shows nothing, as was seen."""
        self.refuse_replies = False
        """Whether this app may not reply, not even to the account's own posts."""
        self.windows = Windows(self.now)
        self.credits: int | None = None
        """Posts that are paid for. None: any number."""
        self._media = Shelf(self.now, self._next_id)
        self._deleted: set[str] = set()
        self._last_id = 0

    def give_evidence(self, *, on: bool) -> None:
        self.refuse_duplicates = on

    def account(self) -> str:
        return USER_NAME

    def credentials(self) -> dict[str, str]:
        return self.accounts.lasting_keys()

    def publishes(self, request: Request) -> bool:
        return request.method == "POST" and request.path == "/2/tweets"

    def refusal(self, kind: str) -> Answer:
        match kind:
            case "429":
                return self.windows.none_left(POSTS)
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
        headers = self.windows.take(request)
        try:
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

    def _next_id(self) -> str:
        """A number that is larger than every earlier one, and carries the present moment."""
        milliseconds = (self.now() - FIRST_MOMENT) // timedelta(milliseconds=1)
        self._last_id = max(self._last_id + 1, milliseconds << 22)
        return str(self._last_id)

    def reset(self) -> None:
        super().reset()
        self.refused_duplicates.clear()

    def forget_media(self) -> None:
        """Let every uploaded picture expire."""
        self._media.forget()

    # --- posting -----------------------------------------------------------------------------

    def _post(self, request: Request) -> Answer:
        if self.credits == 0:
            return problem(402, "CreditsDepleted", "Your account has no credits left.", "credits")
        wish = json_of(request)
        uploads = self._checked(wish)
        post = self._accepted(str(wish.get("text", "")), uploads, self._answered(wish))
        self.ledger.add(post)
        if self.credits is not None:
            self.credits -= 1
        tweet = post.detail["tweet"]
        return Answer.of_json(201, {"data": {name: tweet[name] for name in ALWAYS_SHOWN}})

    def _checked(self, wish: dict[str, Any]) -> list[Upload]:
        """The media of a post that X would take. Raises Refusal."""
        if unknown := sorted(set(wish) - POST_FIELDS):
            raise Refusal(invalid(f"$.{unknown[0]}: is not defined in the schema.", unknown[0], wish[unknown[0]]))
        text = wish.get("text", "")
        media = wish.get("media", {})
        numbers = media.get("media_ids") if isinstance(media, dict) else None
        numbers = numbers if isinstance(numbers, list) else []
        if not isinstance(text, str) or not (text.strip() or numbers):
            raise Refusal(invalid("A post needs text or media.", "text", text))
        if "media" in wish and not 1 <= len(numbers) <= MAX_MEDIA:
            raise Refusal(invalid(f"A post shows 1 to {MAX_MEDIA} media.", "media.media_ids", numbers))
        uploads = self._media.take([str(number) for number in numbers])
        if not fits(text, TEXT_LIMIT):
            raise Refusal(forbidden(NOT_PERMITTED))
        if self.refuse_duplicates and self._remembers(text):
            self.refused_duplicates.append(text)
            raise Refusal(forbidden(DUPLICATE))
        return uploads

    def _remembers(self, text: str) -> bool:
        earliest = self.now() - self.memory
        return any(post.at >= earliest and _same_text(post.caption, text) for post in self._public())

    def _answered(self, wish: dict[str, Any]) -> str:
        """The id of the post that this one replies to; empty when it stands by itself. Raises Refusal."""
        if "reply" not in wish:
            return ""
        reply = wish["reply"]
        number = reply.get("in_reply_to_tweet_id") if isinstance(reply, dict) else None
        if not isinstance(number, str) or not number.isdecimal():
            raise Refusal(invalid("in_reply_to_tweet_id is no post's id.", "reply.in_reply_to_tweet_id", number))
        if all(post.id != number for post in self._public()):
            raise Refusal(forbidden(NOT_VISIBLE))
        if self.refuse_replies:
            raise Refusal(forbidden(NO_REPLIES))
        return number

    def _accepted(self, text: str, uploads: list[Upload], reply_to: str = "") -> LedgerPost:
        number = self._next_id()
        url = f"https://x.com/{USER_NAME}/status/{number}"
        shown, links = as_shown(text, f"{url}/photo/1" if uploads else None)
        at = self.now()
        tweet: dict[str, Any] = {
            "id": number,
            "text": shown,
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
            images=tuple(replace(one.picture, alt_text=one.alt_text) for one in uploads if one.picture),
            idempotency_key=None,
            detail={"tweet": tweet, "media": [_medium(upload) for upload in uploads], "reply_to": reply_to},
        )

    # --- reading -----------------------------------------------------------------------------

    def _public(self) -> list[LedgerPost]:
        """Newest first, without those that were deleted."""
        return self._kept(self.posts())

    def _kept(self, posts: list[LedgerPost]) -> list[LedgerPost]:
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
        listed = self._kept(self.listed_posts())
        found = [post for post in listed if post.at >= earliest and int(post.id) > since]
        return _page_of(found, int(token), int(size), query.get("tweet.fields", ""))

    def _show(self, number: str, request: Request) -> Answer:
        post = next((post for post in self._kept(self.readable_posts()) if post.id == number), None)
        if post is None:
            return not_found("tweet", number)
        query = request.query
        body: dict[str, Any] = {"data": _fields(post, query.get("tweet.fields", ""))}
        if "attachments.media_keys" in query.get("expansions", "").split(",") and post.images:
            wanted = {"media_key", "type", *query.get("media.fields", "").split(",")}
            media = [{name: one[name] for name in one if name in wanted} for one in post.detail["media"]]
            body["data"]["attachments"] = post.detail["tweet"]["attachments"]
            body["includes"] = {"media": media}
        return Answer.of_json(200, body)

    def _delete(self, number: str) -> Answer:
        deleted = any(post.id == number for post in self._public())
        self._deleted.add(number)
        return Answer.of_json(200, {"data": {"deleted": deleted}})


def _medium(upload: Upload) -> dict[str, Any]:
    kind = "animated_gif" if upload.category == "tweet_gif" else "photo"
    medium = {"media_key": upload.media_key, "type": kind}
    return medium if upload.alt_text is None else {**medium, "alt_text": upload.alt_text}


def _page_of(found: list[LedgerPost], first: int, size: int, fields: str) -> Answer:
    shown = found[first : first + size]
    if not shown:
        return Answer.of_json(200, {"meta": {"result_count": 0}})
    meta: dict[str, Any] = {"result_count": len(shown), "newest_id": shown[0].id, "oldest_id": shown[-1].id}
    if len(found) > first + size:
        meta["next_token"] = str(first + size)
    return Answer.of_json(200, {"data": [_fields(post, fields) for post in shown], "meta": meta})


def _fields(post: LedgerPost, wanted: str) -> dict[str, Any]:
    tweet = post.detail["tweet"]
    return {name: tweet[name] for name in (*ALWAYS_SHOWN, *wanted.split(",")) if name in tweet}


def _same_text(one: str, other: str) -> bool:
    return unicodedata.normalize("NFC", one).strip() == unicodedata.normalize("NFC", other).strip()
