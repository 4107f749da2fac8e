"""What the contract suite knows of a platform: an account on its sandbox, and the channel that leads there.

Each platform has one driver, a class `Driver` in `tests/contract/platforms/NAME.py`. It says how the platform is
reached and what is peculiar about it, as data. The suite finds the drivers by the names of the platforms.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image

from publisher.core.content import (
    Absence,
    AdaptedImage,
    AdaptedPost,
    Preparation,
    Publication,
    PublishedPost,
    Rendition,
    RenditionSpec,
)
from publisher.platforms.abilities import NOTHING_PREPARED, SupportsLookup, SupportsReadBack
from publisher.platforms.base import KeySeed, PlatformAdapter, UploadedMedia
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    PlatformError,
    RateLimited,
    Unavailable,
    Unconfirmed,
)
from publisher.platforms.registry import adapter_class
from publisher.sandbox.faults import EFFECTS
from publisher.sandbox.ledger import LedgerPost
from publisher.sandbox.wire import Request
from tests.contract.cases import Step
from tests.contract.channel import TITLE, Channel


class Account(Channel):
    """The platform's account: what is published there, looked for, and read back."""

    # --- what is published -------------------------------------------------------------------------

    def key_of(self, number: int) -> str:
        """Returns the idempotency key of another post."""
        seed = KeySeed(token=f"{number:012x}", title=TITLE, created_at=datetime(2026, 5, 4, 9, 0, tzinfo=UTC))
        return adapter_class(self.name).idempotency_key(seed)

    def post(self, images: int | None = None, text: str = "") -> AdaptedPost:
        spec = RenditionSpec(source="0" * 64, formats=("jpeg",), max_bytes=8_000_000, max_width=1440, max_height=1800)
        count = self.images if images is None else images
        pictures = tuple(AdaptedImage(spec=spec, alt_text=alt_text(number)) for number in range(count))
        return AdaptedPost(
            channel=self.name,
            platform=self.name,
            language="en",
            title=TITLE,
            caption=text or self.TEXT,
            images=pictures,
        )

    def picture(
        self, number: int = 0, *, kind: str = "jpeg", size: tuple[int, int] = (60, 60), frames: int = 1
    ) -> Rendition:
        """Makes a picture file; each number has a colour of its own."""
        path = self.folder / f"{next(self._names)}.{kind}"
        images = [Image.new("RGB", size, ((number + frame) * 20 % 256, 80, 120)) for frame in range(frames)]
        images[0].save(path, kind, **({"save_all": True, "append_images": images[1:]} if frames > 1 else {}))
        fields = {"sha256": f"{number:064x}", "format": kind, "width": size[0], "height": size[1]}
        return Rendition.model_validate({**fields, "path": path, "bytes": path.stat().st_size})

    def upload(
        self, adapter: PlatformAdapter, alt_texts: Sequence[str] | int | None = None, *, key: str = ""
    ) -> list[UploadedMedia]:
        """Uploads so many pictures, or one for each alt text."""
        count = self.images if alt_texts is None else alt_texts
        texts = [alt_text(number) for number in range(count)] if isinstance(count, int) else count
        return [
            adapter.upload_media(
                self.picture(number), text, idempotency_key=key or self.KEY, position=number, total=len(texts)
            )
            for number, text in enumerate(texts)
        ]

    def prepare(
        self,
        adapter: PlatformAdapter,
        media: Sequence[UploadedMedia] | int | None = None,
        *,
        post: AdaptedPost | None = None,
        key: str = "",
        earlier: Preparation = NOTHING_PREPARED,
    ) -> Preparation:
        uploaded = self.upload(adapter, media, key=key) if media is None or isinstance(media, int) else media
        return adapter.prepare(post or self.post(), uploaded, idempotency_key=key or self.KEY, earlier=earlier)

    def send(
        self,
        adapter: PlatformAdapter,
        media: Sequence[UploadedMedia],
        *,
        post: AdaptedPost | None = None,
        key: str = "",
    ) -> Publication:
        """Prepares and publishes uploaded pictures, as the worker does."""
        content, name = post or self.post(len(media)), key or self.KEY
        preparation = adapter.prepare(content, media, idempotency_key=name)
        return adapter.publish(content, media, idempotency_key=name, preparation=preparation)

    def publish(
        self, adapter: PlatformAdapter | None = None, count: int | None = None, post: AdaptedPost | None = None,
        key: str = "",
    ) -> str:  # fmt: skip
        """Uploads, prepares and publishes a post, and returns the id of what is public."""
        used = adapter or self.adapter()
        return self.send(used, self.upload(used, count, key=key), post=post, key=key).remote_id

    def find(
        self,
        adapter: PlatformAdapter | None = None,
        *,
        post: AdaptedPost | None = None,
        key: str = "",
        since: datetime | None = None,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        used = adapter or self.adapter()
        assert isinstance(used, SupportsLookup)
        return used.find_publication(
            post or self.post(), idempotency_key=key or self.KEY, since=since or self.began, preparation=preparation
        )

    def id_found(self, adapter: PlatformAdapter | None = None, **question: Any) -> str | None:
        """Returns the id of the post that a look-up finds; None where it finds none."""
        found = self.find(adapter, **question)
        return found.remote_id if isinstance(found, Publication) else None

    def read(self, remote_id: str, adapter: PlatformAdapter | None = None) -> PublishedPost | None:
        used = adapter or self.adapter()
        assert isinstance(used, SupportsReadBack)
        return used.read_publication(remote_id)

    def questions(self) -> dict[str, Callable[[PlatformAdapter, str], object]]:
        """Returns what is only asked, by a name: each takes an adapter and the id of a post."""
        return {
            "look-up": lambda adapter, _id: self.find(adapter),
            "read-back": lambda adapter, remote_id: self.read(remote_id, adapter),
            "credentials": lambda adapter, _id: adapter.verify_credentials(),
        }

    # --- what the platform has ---------------------------------------------------------------------

    def copies(self) -> list[LedgerPost]:
        """Returns every public post, oldest first."""
        return self.sandbox.posts()

    def sent_text(self) -> str:
        """Returns the text that followers read of the usual post."""
        return self.TEXT

    def hide_ids(self) -> None:
        """Lets the platform tell nothing of the idempotency key, where it may do so or not."""

    def url_of(self, copy: LedgerPost) -> str:
        """Returns the address that the adapter tells of a post."""
        return copy.url

    @abstractmethod
    def add_post(self, text: str, at: datetime | None = None) -> str:
        """Adds a post that was published in some other way, without pictures, and returns its id."""

    def remove_post(self, remote_id: str) -> None:
        """Removes a public post, as somebody does by hand."""
        kept = [post for post in self.ledger.posts() if post.id != remote_id]
        self.ledger.clear()
        for post in kept:
            self.ledger.add(post)

    def forget_media(self) -> None:
        """Lets the platform forget every uploaded picture."""
        raise NotImplementedError

    def publishing_requests(self) -> list[Request]:
        return [request for request in self.requests if self.sandbox.publishes(request)]

    def received_texts(self) -> list[str]:
        """Returns the texts of the last post that the platform received, byte for byte, without alt texts."""
        return [self.copies()[-1].caption]

    def uploading_requests(self) -> list[Request]:
        """Returns what was sent besides: pictures, drafts."""
        return [request for request in self.requests if self.sandbox._step(request) == "upload"]

    def count(self, method: str, path: str) -> int:
        """Returns how many requests of a method a path has had."""
        return len([request for request in self.requests if (request.method, request.path) == (method, path)])

    def pass_time(self, duration: timedelta) -> None:
        """Lets time pass for the desk and the platform, and leaves both clocks as wrong as they are."""
        self.clock.shift_to(self.clock.now() + duration)
        self._passed += duration
        self.ledger.shift(self._passed)

    def set_our_clock(self, ahead: timedelta) -> None:
        """Lets the desk's clock be wrong by so much, and the platform's be right."""
        self.clock.shift_to(self.ledger.now() + ahead)

    # --- what a fault has to mean ------------------------------------------------------------------

    def error_of(self, kind: str, step: Step) -> type[PlatformError] | None:
        """Returns what a fault of the sandbox must end as at a step; None: the step goes on without the answer."""
        refusal = EFFECTS[kind].refusal
        if refusal == "429":
            return RateLimited
        if refusal == "unauthorized":
            return CredentialsRefused
        if refusal == "reject" and step.sends_content:
            return ContentRejected
        return Unconfirmed if step.struck == "publish" else Unavailable


def alt_text(number: int) -> str:
    return f"Cell {number}"
