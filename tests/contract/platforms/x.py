"""X on its sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import requests

from publisher.core.content import AdaptedImage, AdaptedPost, RenditionSpec
from publisher.platforms.errors import (
    AlreadyPublic,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.login_steps import LoginStep
from publisher.platforms.x.adapter import Adapter
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.ledger import LedgerPost
from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.accounts import USER_ID, USER_NAME
from publisher.sandbox.x.service import Sandbox as XSandbox
from tests.contract.account import Account
from tests.contract.cases import AnswerCase, ListingCase, LoginCase, SecretCase, Step, WaitCase
from tests.contract.channel import SHORT_SECONDS, Wire
from tests.waiting import TIMEOUT

CAPTION = "A cell divides & glows <3 https://example.org/cells?a=1&b=2 #biology"
TIMELINE = f"/2/users/{USER_ID}/tweets"


class Person:
    """Opens the address, allows the app, and gives back what X shows."""

    def __init__(self, change: Callable[[str], str] = lambda answer: answer) -> None:
        self._change = change
        self._address = ""
        self.shown: list[str] = []
        self.given = ""

    def show(self, text: str) -> None:
        self.shown.append(text)
        found = re.search(r"http://127\.0\.0\.1:\d+/\S+(?<![,.])", text)
        assert found is not None
        self._address = found.group()

    def ask(self, question: str, *, secret: bool = False) -> str:
        page = requests.get(self._address, timeout=TIMEOUT)
        fields = re.findall(r'name="([^"]+)" value="([^"]+)"', page.text)
        form = {unescape(name): unescape(value) for name, value in fields}
        target = self._address.partition("?")[0]
        answer = requests.post(target, data=form, timeout=TIMEOUT, allow_redirects=False)
        if answer.status_code == 302:
            self.given = self._change(answer.headers["Location"])
            return self.given
        pin = re.search(r"<code>(\d+)</code>", answer.text)
        assert pin is not None
        self.given = self._change(pin.group(1))
        return self.given


def consumer_keys(account: Account) -> dict[str, str]:
    """The secrets of a channel that connects with a PIN."""
    return {name: value for name, value in account.sandbox.credentials().items() if name.startswith("consumer")}


def app_keys(account: Account) -> dict[str, str]:
    """The secrets of a channel that uses OAuth 2."""
    assert isinstance(account.sandbox, XSandbox)
    accounts = account.sandbox.accounts
    return {"client_id": accounts.client_id, "client_secret": accounts.client_secret}


def _forged(address: str) -> str:
    return address.replace(parse_qs(urlsplit(address).query)["state"][0], "forged")


def _denied(address: str) -> str:
    return re.sub("code=[^&]+", "error=access_denied", address)


def _given(_account: Account, person: Any) -> list[str]:
    return [person.given]


def _limited(headers: Mapping[str, str]) -> Answer:
    return Answer.of_json(429, {"title": "Too Many Requests", "status": 429, "detail": "Too Many Requests"}, headers)


def adapted(caption: str = CAPTION, *alt_texts: str) -> AdaptedPost:
    """Returns a post with this text and these pictures."""
    spec = RenditionSpec(source="0" * 64, formats=("jpeg",), max_bytes=10**6, max_width=100, max_height=100)
    images = tuple(AdaptedImage(spec=spec, alt_text=alt) for alt in alt_texts)
    return AdaptedPost(channel="x", platform="x", language="en", title="Cell", caption=caption, images=images)


def reply(caption: str, to: str) -> AdaptedPost:
    return adapted(caption).model_copy(update={"reply_to": to})


class Driver(Account):
    name = "x"
    KEY = "x-1"
    TEXT = CAPTION
    ACCOUNT_URL = f"https://x.com/{USER_NAME}"
    WAYS: ClassVar[Mapping[str, tuple[Step, ...]]] = {
        "post": (
            Step("upload", "upload", "upload"),
            Step("prepare", "prepare", "read", sends_content=False),
            Step("publish", "publish", "publish"),
        )
    }
    WITHOUT_ALT_TEXT = None
    PUBLISH_ANSWERS = (
        AnswerCase(Answer.of_json(201, {"errors": [{"title": "Odd"}]}), Unconfirmed),
        AnswerCase(Answer.of_json(201, {}), Unconfirmed),
        AnswerCase(Answer.of_json(201, {"data": {"id": "none"}}), Unconfirmed),
        AnswerCase(Answer.of_json(201, []), Unconfirmed),
    )
    UPLOAD_ANSWERS = (
        AnswerCase(Answer.of_text(503, "busy"), Unavailable),
        AnswerCase(Answer(status=500, cut_at=0), Unavailable),
    )
    LOOK_UP_ANSWERS = (
        AnswerCase(Answer(status=500, cut_at=0), Unavailable),
        AnswerCase(_limited({}), RateLimited),
    )
    READ_ANSWERS = LOOK_UP_ANSWERS
    LISTINGS = tuple(
        ListingCase(name, Answer.of_json(200, body))
        for name, body in {
            "nothing": {},
            "no count": {"meta": {}},
            "fewer than counted": {"data": [], "meta": {"result_count": 3}},
            "partial": {"meta": {"result_count": 0}, "errors": [{"title": "Partial"}]},
            "only an error": {"errors": [{"type": "https://api.x.com/2/problems/resource-not-found"}]},
        }.items()
    )
    WAITS = tuple(
        WaitCase(name, _limited(headers), seconds)
        for name, headers, seconds in (
            ("nothing", {}, 15 * 60.0),
            ("retry-after", {"Retry-After": "120"}, 120.0),
            ("longer than any window", {"Retry-After": "315360000"}, 2 * 86_400.0),
        )
    )
    WRONG_SECRETS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    UNUSABLE_SECRETS = (
        SecretCase("nothing", (), "PUBLISHER_X_CONSUMER_KEY"),
        SecretCase(
            "no tokens",
            ("consumer_key", "consumer_secret"),
            "PUBLISHER_X_ACCESS_TOKEN, PUBLISHER_X_ACCESS_TOKEN_SECRET",
        ),
        SecretCase("no log-in", ("client_id",), "Run: publisher connect x"),
        SecretCase("broken session", ("client_id", "client_secret"), "publisher connect x", "{"),
    )
    LOGINS = (
        LoginCase("pin", consumer_keys, lambda _: Person()),
        LoginCase("browser", app_keys, lambda _: Person()),
    )
    REFUSED_LOGINS = (
        LoginCase("wrong pin", consumer_keys, lambda _: Person(lambda pin: f"1{pin}"), hidden=_given),
        LoginCase("forged", app_keys, lambda _: Person(_forged), "does not belong to this log-in", hidden=_given),
        LoginCase("denied", app_keys, lambda _: Person(_denied), "access_denied", hidden=_given),
    )
    BROWSER_LOGINS = ("pin", "browser")
    REPEATED_UPLOAD_IS_EQUAL = False
    SECOND_REQUEST = (AlreadyPublic,)
    CLOCK_TOLERANCE = timedelta(minutes=90)
    LISTING_LIMIT = 500
    TOO_MANY = "more than 500 posts"
    PAGE_SIZE = 100
    PAGES = (1, 99, 100, 101, 210)

    sandbox: XSandbox

    def __init__(self, folder: Path, wire: Wire) -> None:
        super().__init__(folder, wire)
        self.unlisted: set[str] = set()
        """The numbers of posts that exist, and that listings do not show yet."""

    def answer(self, request: Request) -> Answer:
        if request.method != "GET" or not request.path.endswith("/tweets"):
            return super().answer(request)
        shown = set(self.sandbox._deleted)
        self.sandbox._deleted |= self.unlisted
        try:
            return super().answer(request)
        finally:
            self.sandbox._deleted = shown

    @classmethod
    def serve(cls, answer: Callable[[Request], Answer], refuses: Callable[[], bool], folder: Path) -> HttpServer:
        return HttpServer(answer, refuse=refuses)

    def make_sandbox(self) -> XSandbox:
        return XSandbox(self.ledger, self.faults)

    def address(self) -> dict[str, Any]:
        assert isinstance(self.wire.server, HttpServer)
        return {"base_url": self.wire.server.url}

    def adapter(self, **changes: Any) -> Adapter:
        return Adapter.connect(self.logged_in(**changes))

    def received_texts(self) -> list[str]:
        return [self.publishing_requests()[-1].json()["text"]]

    def is_ours(self, request: Request) -> bool:
        return "authorize" not in request.path

    @contextmanager
    def logging_in_shortly(self) -> Iterator[float]:
        with self.waiting_shortly():
            yield SHORT_SECONDS

    def allowed(self, step: LoginStep) -> str:
        person = Person()
        person.show(step.url)
        return person.ask("")

    def words_of_session(self, session: str) -> list[str]:
        return [value for name, value in json.loads(session).items() if "token" in name or "secret" in name]

    def app(self) -> dict[str, str]:
        return app_keys(self)

    def url_of(self, copy: LedgerPost) -> str:
        return f"https://x.com/i/web/status/{copy.id}"

    def add_post(self, text: str, at: datetime | None = None) -> str:
        post = self.sandbox.make_post(text, [])
        self.ledger.add(post)
        return post.id

    def remove_post(self, remote_id: str) -> None:
        self.sandbox._delete(remote_id)

    def forget_media(self) -> None:
        self.sandbox.forget_media()

    def error_of(self, kind: str, step: Step) -> type[PlatformError] | None:
        expected = super().error_of(kind, step)
        # Reading has a limit of its own, and what is only read never holds up a post.
        return None if step.name == "prepare" and expected is RateLimited else expected

    def log_in(self, lives: timedelta) -> dict[str, str]:
        """Stores OAuth 2 tokens that still live so long, and returns the session."""
        tokens = self.sandbox.accounts.new_tokens("tweet.write")
        session = {
            "access_token": tokens["access_token"],
            "refresh_token": tokens["refresh_token"],
            "expires_at": (self.clock.now() + lives).isoformat(),
        }
        self.session.save(session)
        return session
