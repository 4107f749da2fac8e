"""The sandbox's X over HTTP, and a channel that leads there."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from PIL import Image

from publisher.core.clock import ShiftedClock
from publisher.core.content import AdaptedImage, AdaptedPost, ImageFormat, Rendition, RenditionSpec
from publisher.platforms.base import Connection, SessionFile, UploadedMedia
from publisher.platforms.profiles import load_profile
from publisher.platforms.x.adapter import Adapter
from publisher.sandbox.faults import FaultBox
from publisher.sandbox.http1 import HttpServer
from publisher.sandbox.ledger import Ledger
from publisher.sandbox.wire import Answer, Request
from publisher.sandbox.x.accounts import USER_NAME
from publisher.sandbox.x.service import Sandbox as XSandbox

CAPTION = "A cell divides & glows <3 https://example.org/cells?a=1&b=2 #biology"


class Wire:
    """One server for all tests: stopping a server takes half a second."""

    def __init__(self) -> None:
        self.local: LocalX | None = None
        self.server = HttpServer(self._answer, refuse=self._refuses)

    def _answer(self, request: Request) -> Answer:
        assert self.local is not None
        return self.local.answer(request)

    def _refuses(self) -> bool:
        return self.local is not None and self.local.faults.take("x", refusing=True) is not None


class LocalX:
    """The sandbox's X at an address, and a channel that leads there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.faults = FaultBox()
        self.clock = ShiftedClock()
        self.sandbox = XSandbox(Ledger(), self.faults)
        self.requests: Counter[tuple[str, str]] = Counter()
        self.seen: list[Request] = []
        self.in_front: Callable[[Request], Answer | None] | None = None
        """What answers in front of X; where it returns None, X answers."""
        self.unlisted: set[str] = set()
        """The numbers of posts that exist, and that listings do not show yet."""
        self.ahead: list[timedelta] = []
        """How far X's clock was told to be ahead of ours."""
        self.session = SessionFile(folder / "sessions" / "x.json")
        self._names = itertools.count()

    def answer(self, request: Request) -> Answer:
        self.requests[request.method, request.path] += 1
        self.seen.append(request)
        if self.in_front and (answer := self.in_front(request)):
            return answer
        if request.method == "GET" and request.path.endswith("/tweets"):
            with self._listing_lags():
                return self.sandbox.answer(request)
        return self.sandbox.answer(request)

    @contextmanager
    def _listing_lags(self) -> Iterator[None]:
        shown = set(self.sandbox._deleted)
        self.sandbox._deleted |= self.unlisted
        try:
            yield
        finally:
            self.sandbox._deleted = shown

    def later(self, duration: timedelta) -> None:
        """Let time pass, here and at X."""
        self.clock.shift_to(self.clock.now() + duration)
        self.sandbox.ledger.shift(self.clock.offset)

    def set_our_clock(self, ahead: timedelta) -> None:
        """Let the desk's clock go wrong by so much, and X's be right."""
        self.clock.shift_to(self.sandbox.ledger.now() + ahead)

    def connection(
        self, secrets: dict[str, str] | None = None, *, account: str = USER_NAME, timeout: float = 20.0
    ) -> Connection:
        profile = load_profile("x")
        habits = profile.publishing.model_copy(update={"timeout_seconds": timeout})
        return Connection(
            channel="x-en",
            account=account,
            profile=profile.model_copy(update={"publishing": habits}),
            secrets=self.sandbox.credentials() if secrets is None else secrets,
            session=self.session,
            clock=self.clock,
            base_url=self.url,
            platform_clock=self.ahead.append,
        )

    def adapter(self) -> Adapter:
        return Adapter.connect(self.connection())

    def app(self) -> dict[str, str]:
        """The secrets of a channel that uses OAuth 2."""
        accounts = self.sandbox.accounts
        return {"client_id": accounts.client_id, "client_secret": accounts.client_secret}

    def log_in(self, lives: timedelta) -> dict[str, str]:
        """Store OAuth 2 tokens that still live so long, and return the session."""
        tokens = self.sandbox.accounts.new_tokens("tweet.write")
        session = {
            "access_token": tokens["access_token"],
            "refresh_token": tokens["refresh_token"],
            "expires_at": (self.clock.now() + lives).isoformat(),
        }
        self.session.save(session)
        return session

    def picture(self, size: tuple[int, int] = (64, 48), kind: ImageFormat = "jpeg", frames: int = 1) -> Rendition:
        path = self.folder / f"{next(self._names)}.{kind}"
        shades = [Image.new("RGB", size, (40 * frame, 120, 200)) for frame in range(frames)]
        if frames > 1:
            shades[0].save(path, save_all=True, append_images=shades[1:])
        else:
            shades[0].save(path)
        return rendition(path, size, kind)

    def upload(self, adapter: Adapter, *alt_texts: str) -> list[UploadedMedia]:
        return [
            adapter.upload_media(
                self.picture((64 + position, 48)), alt, idempotency_key="x-1", position=position, total=len(alt_texts)
            )
            for position, alt in enumerate(alt_texts)
        ]

    @property
    def posting_requests(self) -> int:
        return self.requests["POST", "/2/tweets"]


def rendition(path: Path, size: tuple[int, int], kind: ImageFormat) -> Rendition:
    return Rendition(path=path, sha256="0" * 64, format=kind, width=size[0], height=size[1], bytes=path.stat().st_size)


def adapted(caption: str = CAPTION, *alt_texts: str) -> AdaptedPost:
    spec = RenditionSpec(source="0" * 64, formats=("jpeg",), max_bytes=10**6, max_width=100, max_height=100)
    images = tuple(AdaptedImage(spec=spec, alt_text=alt) for alt in alt_texts)
    return AdaptedPost(channel="x-en", platform="x", language="en", title="Cell", caption=caption, images=images)


def reply(caption: str, to: str) -> AdaptedPost:
    return adapted(caption).model_copy(update={"reply_to": to})


def served_wire() -> Iterator[Wire]:
    """One server for all tests of a module."""
    opened = Wire()
    opened.server.start()
    yield opened
    opened.server.stop()


def local_on(wire: Wire, folder: Path) -> Iterator[LocalX]:
    """A new X for one test."""
    wire.local = LocalX(folder, wire.server.url)
    yield wire.local
    wire.local = None
