"""A Tumblr sandbox on loopback, and adapters that reach it."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image

from publisher.core.clock import Clock, SystemClock
from publisher.core.content import AdaptedPost, Preparation, Publication, Rendition, Span, TextBlock
from publisher.platforms.base import (
    NOTHING_PREPARED,
    Connection,
    SessionFile,
    UploadedMedia,
)
from publisher.platforms.profiles import load_profile
from publisher.platforms.tumblr.adapter import Adapter
from publisher.sandbox.faults import FaultBox
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.ledger import Ledger, LedgerPost
from publisher.sandbox.tumblr.blog import BLOG
from publisher.sandbox.tumblr.service import Sandbox as TumblrSandbox
from publisher.sandbox.wire import Answer, Request

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


class Server:
    """One server for all tests here; each test puts its own desk behind it."""

    def __init__(self) -> None:
        self.desk: Desk | None = None
        self.http = HttpServer(self._answer, refuse=self._refuse)

    def _answer(self, request: Request) -> Answer:
        assert self.desk is not None
        return self.desk.answer(request)

    def _refuse(self) -> bool:
        return self.desk is not None and self.desk.faults.take("tumblr", refusing=True) is not None


class Desk:
    """A sandbox on loopback, and adapters that reach it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.ledger, self.faults = Ledger(), FaultBox()
        self.sandbox = TumblrSandbox(self.ledger, self.faults)
        self.requests: list[Request] = []
        self.instead: Callable[[Request], Answer | None] = lambda _request: None
        self.folder = folder
        self.session = SessionFile(folder / "sessions" / "tumblr.json")
        self.url = url
        self._passed = timedelta(0)

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.instead(request) or self.sandbox.answer(request)

    def connection(
        self,
        *,
        account: str = BLOG,
        secrets: dict[str, str] | None = None,
        clock: Clock | None = None,
        timeout: float = 10.0,
        base_url: str | None = None,
        drafts: bool = True,
        uplink: float = 32_000.0,
    ) -> Connection:
        profile = load_profile("tumblr")
        habits = profile.publishing.model_copy(update={"timeout_seconds": timeout})
        return Connection(
            channel="our-tumblr",
            account=account,
            profile=profile.model_copy(update={"publishing": habits}),
            secrets=self.sandbox.credentials() if secrets is None else secrets,
            session=self.session,
            clock=clock or SystemClock(),
            base_url=base_url or self.url,
            drafts=drafts,
            uplink_bytes_per_second=uplink,
        )

    def adapter(self, **choices: Any) -> Adapter:
        return Adapter.connect(self.connection(**choices))

    def picture(self, number: int = 0, *, kind: str = "jpeg", size: tuple[int, int] = (60, 40)) -> Rendition:
        """A picture file; each number has a colour of its own."""
        path = self.folder / f"{number}.{kind}"
        Image.new("RGB", size, (number * 20 % 256, 80, 120)).save(path, kind)
        return Rendition.model_validate(
            {
                "path": path, "sha256": f"{number:064x}", "format": kind, "width": size[0], "height": size[1],
                "bytes": path.stat().st_size,
            }
        )  # fmt: skip

    def upload(self, adapter: Adapter, count: int) -> list[UploadedMedia]:
        return [
            adapter.upload_media(
                self.picture(number), f"Cell {number}", idempotency_key=KEY, position=number, total=count
            )
            for number in range(count)
        ]

    def publish(self, adapter: Adapter, count: int = 1, post: AdaptedPost = POST, key: str = KEY) -> str:
        """The id of a post that was published as the worker does."""
        return self.send(adapter, self.upload(adapter, count), post=post, key=key).remote_id

    def send(
        self, adapter: Adapter, media: Sequence[UploadedMedia], *, post: AdaptedPost = POST, key: str = KEY
    ) -> Publication:
        preparation = adapter.prepare(post, media, idempotency_key=key)
        return adapter.publish(post, media, idempotency_key=key, preparation=preparation)

    def prepare(
        self,
        adapter: Adapter,
        count: int = 1,
        *,
        post: AdaptedPost = POST,
        key: str = KEY,
        earlier: Preparation = NOTHING_PREPARED,
    ) -> Preparation:
        return adapter.prepare(post, self.upload(adapter, count), idempotency_key=key, earlier=earlier)

    def pass_time(self, passing: timedelta) -> None:
        """Move the platform's clock on."""
        self._passed += passing
        self.ledger.shift(self._passed)

    def sent(self) -> list[Request]:
        """Every request that would change something."""
        return [request for request in self.requests if request.method != "GET"]

    def published_by(self) -> list[Request]:
        return [request for request in self.requests if self.sandbox.publishes(request)]

    def drafts(self) -> list[str]:
        """The ids of all that followers don't see."""
        return list(self.sandbox.blog.unseen)

    def posted(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]

    def copies(self) -> list[LedgerPost]:
        return self.sandbox.posts()

    def add(self, slug: str, at: datetime, *, text: str = "Another", tags: tuple[str, ...] = ()) -> LedgerPost:
        """A post that somebody made in some other way."""
        identifier = str(7 * 10**17 + self.ledger.next_id())
        detail = {"slug": slug, "source_url": "", "content": [{"type": "text", "text": text}], "layout": []}
        post = LedgerPost(
            platform="tumblr", account=BLOG, id=identifier, at=at, caption=text, tags=tags, images=(),
            url=f"https://{BLOG}.tumblr.com/post/{identifier}/{slug}", idempotency_key=slug, detail=detail,
        )  # fmt: skip
        self.ledger.add(post)
        return post


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=5)


def answered(status: int, body: str, **headers: str) -> Answer:
    return Answer(
        status=status, body=body.encode(), headers={name.replace("_", "-"): headers[name] for name in headers}
    )


def error(status: int, code: int = 0, detail: str = "why") -> Answer:
    return Answer.of_json(status, {"meta": {"status": status}, "errors": [{"code": code, "detail": detail}]})


def as_png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "png")
    return file.getvalue()
