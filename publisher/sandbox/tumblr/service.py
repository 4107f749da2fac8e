"""Simulates Tumblr: OAuth 1, posts and drafts in NPF, reading posts, limits, and its own error sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import unquote

from publisher.sandbox.base import SandboxPlatform
from publisher.sandbox.faults import FaultQueue
from publisher.sandbox.habits import PlatformHabits, read_habits
from publisher.sandbox.ledger import Ledger, LedgerPost
from publisher.sandbox.tumblr.blog import BLOG, TumblrBlog
from publisher.sandbox.tumblr.habits import HABITS
from publisher.sandbox.tumblr.npf import BAD_MULTIPART, NewPost, Refusal, read_post, requested_content, requested_state
from publisher.sandbox.tumblr.oauth import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET, OAuth
from publisher.sandbox.wire import Answer, Request

BLOG_UUID = "t:sandbox0000000000000000"
MAX_LISTED = 20
STATUS_PHRASES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Limit Exceeded",
    500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


@dataclass(slots=True)
class Window:
    """Counts requests in a window of time that begins with the first request."""

    name: str
    limit: int
    length: timedelta
    began: datetime | None = None
    used: int = 0

    def take(self, now: datetime) -> bool:
        """Counts a request, and decides whether it is allowed."""
        if self.began is None or not self.began <= now < self.began + self.length:
            self.began, self.used = now, 0
        self.used += 1
        return self.used <= self.limit

    def headers(self, now: datetime) -> dict[str, str]:
        """Returns the headers as Tumblr sends them: the reset is in seconds from now."""
        ends = (self.began or now) + self.length
        values = {
            "Limit": self.limit,
            "Remaining": max(0, self.limit - self.used),
            "Reset": max(0, math.ceil((ends - now).total_seconds())),
        }
        return {f"X-Ratelimit-{self.name}-{key}": str(value) for key, value in values.items()}


class Sandbox(SandboxPlatform):
    name: ClassVar[str] = "tumblr"
    label: ClassVar[str] = "Tumblr"
    habits: ClassVar[PlatformHabits] = HABITS

    def __init__(self, ledger: Ledger, faults: FaultQueue) -> None:
        super().__init__(ledger, faults)
        self.posts_per_day = 250
        self.images_per_day = 250
        self.hour = Window("Perhour", 1000, timedelta(hours=1))
        self.day = Window("Perday", 5000, timedelta(days=1))
        self.blog = TumblrBlog(self.name, ledger)
        self._oauth = OAuth()
        self._user: dict[str, Callable[[], Answer]] = {"info": self._info, "limits": self._limits}

    def reset(self) -> None:
        super().reset()
        self.blog.forget()

    def credentials(self) -> dict[str, str]:
        return {
            "consumer_key": CONSUMER_KEY,
            "consumer_secret": CONSUMER_SECRET,
            "oauth_token": TOKEN,
            "oauth_token_secret": TOKEN_SECRET,
        }

    def account(self) -> str:
        return BLOG

    def set_evidence(self, *, on: bool) -> None:
        self.blog.habits.drafts_keep_id = on

    def set_habits(self, values: Mapping[str, Any]) -> None:
        self.blog.habits = replace(self.blog.habits, **read_habits(values, self.habits.readers))

    def catch_up(self) -> None:
        super().catch_up()
        with self._lock:
            self.blog.publish_waiting(self.now())

    def publishes(self, request: Request) -> bool:
        """Decides whether a post is created as `published`, or edited to it."""
        if self.corrects(request):
            return False
        match (request.method, *request.path.strip("/").split("/")):
            case ("POST", "v2", "blog", _, "posts") | ("PUT", "v2", "blog", _, "posts", _):
                return requested_state(request) == "published"
        return False

    def corrects(self, request: Request) -> bool:
        """Decides whether a public post gets other content than it was published with.

        Publishing a draft once more, after its post has become public under the draft's id, is no correction.
        """
        match (request.method, *request.path.strip("/").split("/")):
            case ("PUT", "v2", "blog", _, "posts", identifier):
                return self.blog.is_correction(identifier, requested_content(request))
        return False

    def refusal(self, kind: str) -> Answer:
        match kind:
            case "429":
                names = {"Limit": str(self.hour.limit), "Remaining": "0", "Reset": "2"}
                used_up = {f"X-Ratelimit-Perhour-{name}": value for name, value in names.items()}
                return replace(_refused(429, 0, "Limit Exceeded"), headers=used_up)
            case "unauthorized":
                return _refused(401, 1016, "Unable to authorize")
            case "reject":
                return _refused(400, 8001, "the content is not valid")
            case "500":
                return _refused(500, 8006, "an unknown upload error")
            case _:
                return Answer.of_text(504, "<html><h1>504 Gateway Time-out</h1></html>", "text/html")

    def handle(self, request: Request) -> Answer:
        self.blog.publish_waiting(self.now())
        if request.path.startswith("/oauth/"):
            return self._oauth.answer(request)
        now = self.now()
        try:
            answer = self._answer(request, now)
        except Refusal as refusal:
            answer = _refused(refusal.status, refusal.code, refusal.detail)
        return answer.with_headers({**self.hour.headers(now), **self.day.headers(now)})

    def _answer(self, request: Request, now: datetime) -> Answer:
        if not self._oauth.allows(request):
            raise Refusal(401, 1016, "Unable to authorize")
        if not all([self.hour.take(now), self.day.take(now)]):
            raise Refusal(429, 0, "Limit Exceeded")
        match (request.method, *request.path.strip("/").split("/")):
            case ("GET", "v2", "user", resource) if resource in self._user:
                return self._user[resource]()
            case (method, "v2", "blog", blog, *rest):
                _check_blog(blog)
                return self._on_blog(method, rest, request, now)
        raise Refusal(404, 0, "Not Found")

    def _on_blog(self, method: str, rest: list[str], request: Request, now: datetime) -> Answer:
        match (method, *rest):
            case ("POST", "posts"):
                return self._create(read_post(request, self.blog.media), now)
            case ("GET", "posts"):
                return self._list(request, now)
            case ("GET", "posts", "draft"):
                return self._list_drafts(request, now)
            case ("GET", "posts", identifier):
                return self._show(identifier, now)
            case ("PUT", "posts", identifier):
                return self._edit(identifier, request, now)
            case ("POST", "post", "delete"):
                self.blog.remove(request.form().get("id", ""))
                return _answered({})
        raise Refusal(404, 0, "Not Found")

    def _create(self, new: NewPost, now: datetime) -> Answer:
        made_today, images = self.blog.used_today(now)
        if new.state == "published" and made_today >= self.posts_per_day:
            raise Refusal(403, 8023, "You've reached the daily posting limit.")
        if images + len(new.images) > self.images_per_day:
            raise Refusal(403, 8004, "You can't upload any more media today.")
        post = self.blog.create(new, now)
        response = {"id": post.id, "state": post.detail["state"], "display_text": f"Posted to {BLOG}"}
        return _answered(response, 201)

    def _edit(self, identifier: str, request: Request, now: datetime) -> Answer:
        if request.mime_type == "multipart/form-data":
            raise Refusal(400, BAD_MULTIPART, "multipart/form-data content is invalid")
        new = read_post(request, self.blog.media)
        if (
            new.state == "published"
            and identifier in self.blog.hidden_posts
            and self.blog.used_today(now)[0] >= self.posts_per_day
        ):
            raise Refusal(403, 8023, "You've reached the daily posting limit.")
        return _answered({"id": self.blog.edit(identifier, new, now)})

    def _list(self, request: Request, now: datetime) -> Answer:
        query = request.query
        if query.get("npf") != "true":
            raise Refusal(400, 0, "this sandbox lists posts only with npf=true")
        try:
            limit, offset = int(query.get("limit", MAX_LISTED)), int(query.get("offset", 0))
            before = int(query["before"]) if "before" in query else None
        except ValueError:
            raise Refusal(400, 0, "limit, offset and before are numbers") from None
        posts = self.blog.listed(now)
        listed = [post for post in posts if before is None or int(post.at.timestamp()) < before]
        page = listed[offset : offset + max(1, min(limit, MAX_LISTED))]
        return _answered({"blog": _BLOG, "posts": [_as_shown(post) for post in page], "total_posts": len(posts)})

    def _list_drafts(self, request: Request, now: datetime) -> Answer:
        before = request.query.get("before_id", "0")
        if not before.isdecimal():
            raise Refusal(400, 0, "before_id is a number")
        drafts = [post for post in self.blog.drafts(now) if before == "0" or int(post.id) < int(before)]
        return _answered({"posts": [_as_shown(post) for post in drafts[:MAX_LISTED]]})

    def _show(self, identifier: str, now: datetime) -> Answer:
        if post := self.blog.read(identifier, now):
            return _answered(_as_shown(post))
        raise Refusal(404, 0, "Not Found")

    def _info(self) -> Answer:
        return _answered({"user": {"name": BLOG, "following": 0, "likes": 0, "blogs": [_BLOG]}})

    def _limits(self) -> Answer:
        now = self.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        posts, images = self.blog.used_today(now)
        used = {"posts": (posts, self.posts_per_day), "photos": (images, self.images_per_day)}
        user = {
            name: {
                "description": f"the number of {name} you can make per day",
                "limit": limit,
                "remaining": max(0, limit - made_today),
                "reset_at": int(midnight.timestamp()),
            }
            for name, (made_today, limit) in used.items()
        }
        return _answered({"user": user})


_BLOG = {
    "name": BLOG, "uuid": BLOG_UUID, "url": f"https://{BLOG}.tumblr.com/", "title": "Picture of the Day",
    "primary": True, "type": "public",
}  # fmt: skip


def _check_blog(blog: str) -> None:
    if unquote(blog) not in (BLOG, f"{BLOG}.tumblr.com", BLOG_UUID):
        raise Refusal(404, 0, "Not Found")


def _answered(response: dict[str, Any], status: int = 200) -> Answer:
    return Answer.of_json(
        status, {"meta": {"status": status, "msg": "OK" if status == 200 else "Created"}, "response": response}
    )


def _refused(status: int, code: int, detail: str) -> Answer:
    title = STATUS_PHRASES[status]
    return Answer.of_json(
        status,
        {
            "meta": {"status": status, "msg": title},
            "response": [],
            "errors": [{"title": title, "code": code, "detail": detail}],
        },
    )


def _as_shown(post: LedgerPost) -> dict[str, Any]:
    """Returns a post as a listing and a single reading show it."""
    fields = {
        "object_type": "post", "type": "blocks", "is_blocks_post_format": True, "blog_name": BLOG, "blog": _BLOG,
        "id": int(post.id), "id_string": post.id, "post_url": post.url, "slug": post.detail["slug"],
        "date": f"{post.at:%Y-%m-%d %H:%M:%S} GMT", "timestamp": int(post.at.timestamp()),
        "state": post.detail.get("state", "published"), "tags": list(post.tags),
        "summary": post.caption.partition("\n")[0], "source_url": post.detail["source_url"],
        "content": post.detail["content"], "layout": post.detail["layout"], "trail": [],
    }  # fmt: skip
    draft_id = post.detail.get("genesis_post_id")
    return fields if draft_id is None else {**fields, "genesis_post_id": draft_id}
