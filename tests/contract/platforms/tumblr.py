"""Tumblr on its sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import requests

from publisher.core.content import Absence, AdaptedImage, AdaptedPost, Span, TextBlock
from publisher.platforms.errors import NotPrepared, PlatformError, Unavailable, Unconfirmed
from publisher.platforms.login_steps import LoginStep
from publisher.platforms.tumblr.adapter import Adapter
from publisher.sandbox.faults import EFFECTS
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.ledger import LedgerPost
from publisher.sandbox.tumblr.blog import BLOG
from publisher.sandbox.tumblr.service import Sandbox as TumblrSandbox
from publisher.sandbox.wire import Answer, Request
from tests.contract.account import Account
from tests.contract.cases import LoginCase, SecretCase, Step
from tests.contract.channel import SHORT_SECONDS
from tests.contract.platforms import tumblr_answers as answers
from tests.waiting import TIMEOUT

KEY = "0123456789ab-a-cell-divides"
NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
POST = AdaptedPost(
    channel="tumblr",
    platform="tumblr",
    language="en",
    title="A cell divides",
    caption="A cell divides\n\nTwo of them 🔬 now.\n\n• one\n• two",
    blocks=(
        TextBlock(kind="heading", text="A cell divides"),
        TextBlock(
            text="Two of them 🔬 now.",
            spans=(Span(start=0, end=3, kind="bold"), Span(start=14, end=17, kind="link", url="https://example.org/")),
        ),
        TextBlock(kind="heading", text="Where"),
        TextBlock(kind="bullet", text="one"),
        TextBlock(kind="number", text="two"),
        TextBlock(kind="quote", text="three"),
    ),
    tags=("cell biology", "mitosis"),
    link="https://example.org/cells",
)
CALLBACK = "https://desk.example/back?oauth_token={token}&oauth_verifier={verifier}#_=_"


class Person:
    """Opens the address, presses a button, and enters what the page shows."""

    def __init__(self, *, answer: str = "allow", enter: str = "{verifier}") -> None:
        self.answer = answer
        self.enter = enter
        self.token = ""

    def show(self, text: str) -> None:
        address = next(word for word in text.split() if "://" in word)
        self.token = address.partition("oauth_token=")[2]
        assert "Allow" in requests.get(address, timeout=TIMEOUT).text
        page = requests.post(address, {"oauth_token": self.token, "answer": self.answer}, timeout=TIMEOUT).text
        code = re.search(r"<code>(\w+)</code>", page)
        self.enter = self.enter.format(verifier=code[1] if code else "none", token=self.token)

    def ask(self, question: str, *, secret: bool = False) -> str:
        return self.enter


def consumer_keys(account: Account) -> dict[str, str]:
    return {name: value for name, value in account.sandbox.credentials().items() if name.startswith("consumer")}


def _wrong_consumer(account: Account) -> dict[str, str]:
    return consumer_keys(account) | {"consumer_secret": "wrongButLongEnough"}


def _token(_account: Account, person: Any) -> list[str]:
    return [person.token]


class Driver(Account):
    name = "tumblr"
    KEY = KEY
    TEXT = POST.caption
    ACCOUNT_URL = f"https://{BLOG}.tumblr.com/"
    WAYS: ClassVar[Mapping[str, tuple[Step, ...]]] = {
        "a draft": (
            Step("list the drafts", "prepare", "read", sends_content=False),
            Step("make the draft", "prepare", "upload"),
            Step("publish", "publish", "publish"),
        ),
        "at once": (
            Step("prepare", "prepare", "read", sends_content=False),
            Step("publish", "publish", "publish"),
        ),
    }
    WITHOUT_ALT_TEXT = ""
    PUBLISH_ANSWERS = answers.PUBLISH
    UPLOAD_ANSWERS = answers.UPLOAD
    LOOK_UP_ANSWERS = answers.LOOK_UP
    READ_ANSWERS = answers.READ
    LISTINGS = answers.LISTINGS
    WAITS = answers.WAITS
    WRONG_SECRETS = ("consumer_secret", "oauth_token_secret", "consumer_key", "oauth_token")
    UNUSABLE_SECRETS = (
        SecretCase(
            "no consumer key",
            ("consumer_secret", "oauth_token", "oauth_token_secret"),
            "set PUBLISHER_TUMBLR_CONSUMER_KEY.",
        ),
        SecretCase(
            "no consumer secret",
            ("consumer_key", "oauth_token", "oauth_token_secret"),
            "set PUBLISHER_TUMBLR_CONSUMER_SECRET.",
        ),
        SecretCase(
            "no token",
            ("consumer_key", "consumer_secret", "oauth_token_secret"),
            "PUBLISHER_TUMBLR_OAUTH_TOKEN is not set.*Run: publisher connect tumblr$",
        ),
        SecretCase(
            "no token secret",
            ("consumer_key", "consumer_secret", "oauth_token"),
            "PUBLISHER_TUMBLR_OAUTH_TOKEN_SECRET is not set.*Run: publisher connect tumblr$",
        ),
        SecretCase(
            "broken session",
            ("consumer_key", "consumer_secret"),
            r"can't be read.*\. Run: publisher connect tumblr$",
            "{half",
        ),
    )
    LOGINS = (
        LoginCase("code", consumer_keys, lambda _: Person()),
        LoginCase("code with a rest", consumer_keys, lambda _: Person(enter=" {verifier}#_=_\n")),
        LoginCase("address", consumer_keys, lambda _: Person(enter=CALLBACK)),
    )
    REFUSED_LOGINS = (
        LoginCase("denied", consumer_keys, lambda _: Person(answer="deny"), hidden=_token),
        LoginCase("wrong code", consumer_keys, lambda _: Person(enter="made up"), hidden=_token),
        LoginCase(
            "no code", consumer_keys, lambda _: Person(enter="https://desk.example/back?denied=1"), hidden=_token
        ),
        LoginCase(
            "another log-in",
            consumer_keys,
            lambda _: Person(enter="https://desk.example/back?oauth_token=other&oauth_verifier={verifier}"),
            hidden=_token,
        ),
        LoginCase(
            "wrong consumer secret",
            _wrong_consumer,
            lambda _: Person(),
            "check the consumer key",
            lambda _account, _person: ["wrongButLongEnough"],
        ),
    )
    BROWSER_LOGINS = ("code",)
    SECOND_REQUEST = ()
    forgets_media = False
    LISTING_LIMIT = 400
    TOO_MANY = "more new posts than can be looked through"
    PAGE_SIZE = 20
    MORE_REQUESTS = 4
    SESSION_FIELDS = frozenset({"oauth_token", "oauth_token_secret"})
    PAGES = (1, 19, 20, 21, 65)

    sandbox: TumblrSandbox

    @classmethod
    def serve(cls, answer: Callable[[Request], Answer], refuses: Callable[[], bool], folder: Path) -> HttpServer:
        return HttpServer(answer, refuse=refuses)

    def make_sandbox(self) -> TumblrSandbox:
        return TumblrSandbox(self.ledger, self.faults)

    @property
    def url(self) -> str:
        assert isinstance(self.wire.server, HttpServer)
        return self.wire.server.url

    def address(self) -> dict[str, Any]:
        return {"base_url": self.url, "drafts": self.way == "a draft"}

    def adapter(self, **changes: Any) -> Adapter:
        return Adapter.connect(self.logged_in(**changes))

    def post(self, images: int | None = None, text: str = "") -> AdaptedPost:
        pictures: tuple[AdaptedImage, ...] = super().post(images).images
        blocks = (TextBlock(text=text),) if text else POST.blocks
        return POST.model_copy(update={"images": pictures, "caption": text or POST.caption, "blocks": blocks})

    def error_of(self, kind: str, step: Step) -> type[PlatformError] | None:
        expected = super().error_of(kind, step)
        if expected in (Unavailable, Unconfirmed) and EFFECTS[kind].refusal and EFFECTS[kind].status == 503:
            # In Tumblr's own words this says that nothing was done.
            return Unavailable
        return NotPrepared if step.name == "make the draft" and expected is Unavailable else expected

    @property
    def absence(self) -> Absence:
        return Absence.UNPUBLISHED if self.way == "a draft" else Absence.NOT_LISTED

    def sent_text(self) -> str:
        return "A cell divides\n\nTwo of them 🔬 now.\n\nWhere\n\n• one\n\n1. two\n\nthree"

    def received_texts(self) -> list[str]:
        request = next(request for request in self.requests if b'"content"' in request.body)
        body = json.loads(next(part.content for part in request.parts() if part.name == "json"))
        texts = [block["text"] for block in body["content"] if block["type"] == "text"]
        return [*texts, *(body[name] for name in ("tags", "source_url") if body.get(name))]

    def is_ours(self, request: Request) -> bool:
        return "/authorize" not in request.path

    @contextmanager
    def logging_in_shortly(self) -> Iterator[float]:
        with self.waiting_shortly():
            yield SHORT_SECONDS

    def allowed(self, step: LoginStep) -> str:
        form = {"oauth_token": step.kept["oauth_token"], "answer": "allow"}
        return requests.post(step.url, form, timeout=TIMEOUT, allow_redirects=False).headers["Location"]

    def add_post(self, text: str, at: datetime | None = None) -> str:
        return self.add("", at or self.ledger.now(), text=text).id

    def add(self, slug: str, at: datetime, *, text: str = "Another", tags: tuple[str, ...] = ()) -> LedgerPost:
        """Adds a post that somebody made in some other way."""
        identifier = str(7 * 10**17 + self.ledger.next_id())
        detail = {"slug": slug, "source_url": "", "content": [{"type": "text", "text": text}], "layout": []}
        post = LedgerPost(
            platform="tumblr", account=BLOG, id=identifier, at=at, caption=text, tags=tags, images=(),
            url=f"https://{BLOG}.tumblr.com/post/{identifier}/{slug}", idempotency_key=slug, detail=detail,
        )  # fmt: skip
        self.ledger.add(post)
        return post

    def sent(self) -> list[Request]:
        """Returns every request that would change something."""
        return [request for request in self.requests if request.method != "GET"]

    def posted(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]

    def drafts(self) -> list[str]:
        """Returns the ids of all that followers don't see."""
        return list(self.sandbox.blog.hidden_posts)


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=5)
