"""The sandbox's Instagram on loopback, the channels that lead there, and what tests of the adapter publish."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from PIL import Image

from publisher.core.clock import ShiftedClock
from publisher.core.content import AdaptedImage, AdaptedPost, Rendition, RenditionSpec
from publisher.platforms.base import Connection, SessionFile, UploadedMedia
from publisher.platforms.instagram.adapter import Adapter
from publisher.platforms.profiles import load_profile
from publisher.sandbox.faults import FaultBox
from publisher.sandbox.http2 import TlsServer
from publisher.sandbox.instagram.service import HOSTS
from publisher.sandbox.instagram.service import Sandbox as InstagramSandbox
from publisher.sandbox.ledger import Ledger, ListingLag
from publisher.sandbox.wire import Answer, DrippingPart, Request

CAPTION = "A cell divides 🔬\n\nImage: Ana Roig, CC BY 4.0\n#biology"
KEY = "1777885200016"
CONFIGURE = ("/api/v1/media/configure/", "/api/v1/media/configure_sidecar/")
DRIP_SECONDS = 0.2
DRIPPING_BYTES = 300
NO_DATE = "yesterday"
Rewrite = Callable[[Request, Answer], Answer]


def unchanged(_request: Request, answer: Answer) -> Answer:
    return answer


class Person:
    """Answers what is asked, by a word in the question, and remembers it."""

    def __init__(self, **answers: str) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def tell(self, text: str) -> None:
        raise AssertionError(f"nothing needs telling, but: {text}")

    def ask(self, question: str, *, secret: bool = False) -> str:
        self.asked.append(question)
        return next(answer for word, answer in self._answers.items() if word in question)


class Desk:
    """The sandbox's Instagram on loopback, and channels that lead there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ShiftedClock()
        self.ledger = Ledger()
        self.faults = FaultBox()
        self.sandbox = InstagramSandbox(self.ledger, self.faults)
        self.requests: list[Request] = []
        self.rewrite: Rewrite = unchanged
        self.date_offset = timedelta(0)
        self.drips: DrippingPart | None = None
        """What of each answer comes byte by byte, and never ends in time."""
        self.server = TlsServer(
            self._answer,
            hosts=HOSTS,
            ca_file=folder / "ca.pem",
            refuse=lambda: self.faults.take("instagram", refusing=True) is not None,
        )
        self._sessions = itertools.count()
        self._saved: dict[str, Any] = {}

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        answer = self.rewrite(request, self.sandbox.answer(request))
        if self.drips is not None:
            answer = replace(answer, body=bytes(DRIPPING_BYTES)).dripping(self.drips, DRIP_SECONDS)
        date = format_datetime(self.sandbox.now() + self.date_offset, usegmt=True)
        return answer if answer.headers.get("Date") == NO_DATE else answer.with_headers({"Date": date})

    def reset(self) -> None:
        self.sandbox = InstagramSandbox(self.ledger, self.faults)
        self.ledger.clear()
        self.ledger.shift(timedelta(0))
        self.faults.clear()
        self.requests.clear()
        self.rewrite = unchanged
        self.clock = ShiftedClock()
        self.ledger.set_listing_lag("instagram", ListingLag())
        self.date_offset = timedelta(0)
        self.drips = None

    def connection(
        self, *, secrets: Mapping[str, str] | None = None, timeout: float = 20.0, **changes: Any
    ) -> Connection:
        profile = load_profile("instagram")
        habits = profile.publishing.model_copy(update={"timeout_seconds": timeout})
        connection = Connection(
            channel="instagram",
            account=self.sandbox.account(),
            profile=profile.model_copy(update={"publishing": habits}),
            secrets=self.sandbox.credentials() if secrets is None else secrets,
            session=SessionFile(self.folder / f"session-{next(self._sessions)}.json"),
            clock=self.clock,
            proxy=self.server.proxy_url,
            ca_file=self.server.ca_file,
        )
        return replace(connection, **changes)

    def logged_in(self, *, save: bool = True, **changes: Any) -> Connection:
        """A connection with the session of this module's one log-in, stored unless `save` is False."""
        if not self._saved:
            first = self.connection()
            Adapter.authorize(first, Person())
            self._saved = first.session.load()
            self.requests.clear()
        connection = self.connection(**changes)
        if save:
            connection.session.save(self._saved)
        return connection

    def adapter(self, **changes: Any) -> Adapter:
        return Adapter.connect(self.logged_in(**changes))

    def publishing_requests(self) -> list[Request]:
        return [request for request in self.requests if request.path in CONFIGURE]

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(one.form()["signed_body"].removeprefix("SIGNATURE.")) for one in self.publishing_requests()]


def picture(
    folder: Path, *, width: int = 1080, height: int = 1080, image_format: str = "jpeg", grey: int = 90
) -> Rendition:
    buffer = io.BytesIO()
    Image.new("L", (width, height), grey).save(buffer, image_format)
    content = buffer.getvalue()
    path = folder / f"{hashlib.sha256(content).hexdigest()}.{image_format}"
    path.write_bytes(content)
    return Rendition.model_validate(
        {
            "path": path,
            "sha256": hashlib.sha256(content).hexdigest(),
            "format": image_format,
            "width": width,
            "height": height,
            "bytes": len(content),
        }
    )


def post_of(images: int = 1, caption: str = CAPTION) -> AdaptedPost:
    spec = RenditionSpec(source="0" * 64, formats=("jpeg",), max_bytes=8_000_000, max_width=1440, max_height=1800)
    pictures = tuple(AdaptedImage(spec=spec, alt_text=f"Picture {number + 1}") for number in range(images))
    return AdaptedPost(
        channel="instagram", platform="instagram", language="en", title="A cell", caption=caption, images=pictures
    )


def upload(adapter: Adapter, *pictures: Rendition, key: str = KEY) -> list[UploadedMedia]:
    return [
        adapter.upload_media(
            one, f"Picture {number + 1}", idempotency_key=key, position=number, total=len(pictures)
        )
        for number, one in enumerate(pictures)
    ]  # fmt: skip


def publish(adapter: Adapter, *pictures: Rendition, key: str = KEY, caption: str = CAPTION) -> str:
    media = upload(adapter, *pictures, key=key)
    return adapter.publish(post_of(len(media), caption), media, idempotency_key=key).remote_id


def instead(answer: Answer) -> Rewrite:
    """Publish, and answer with something else."""
    return lambda request, given: answer if request.path in CONFIGURE else given
