"""One channel's next post, published to a sandbox that is started for it and ends with it.

Nothing of the channel's own way to its platform is used: neither its secrets nor its session,
its address or its proxy. What goes out goes to this machine, or not at all.
"""

from __future__ import annotations

import ipaddress
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from publisher.core.content import AdaptedPost, Publication, Rendition
from publisher.core.errors import UserError
from publisher.db.models import Post
from publisher.desk import Desk
from publisher.platforms.base import Connection, KeySeed, PlatformAdapter
from publisher.platforms.errors import CredentialsRefused, PlatformError
from publisher.platforms.registry import adapter_class
from publisher.platforms.session_files import SessionFile
from publisher.posts.errors import PostError
from publisher.posts.post_store import load_post
from publisher.posts.preview import RenderedPost, preview
from publisher.sandbox_client import SandboxClient, SandboxFailed, running_sandbox
from publisher.schedule.projection import project

TOKEN = "5a4db0c5a4db"  # noqa: S105 (twelve hexadecimal digits, as a delivery's; on a stage that is new each time)
ONE_AT_A_TIME = threading.Lock()


class RehearsalRefused(UserError):
    """Nothing was rehearsed, or the stage refused the post; the message is one sentence."""

    code = "rehearsal-refused"


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture as the platform of the stage has it."""

    digest: str
    """Of its specification."""
    width: int
    height: int
    alt_text: str
    unchanged: bool
    """Whether every byte is that of the finished picture."""


@dataclass(frozen=True, slots=True)
class ShownPost:
    """A post, or a reply that continues it, as followers would see it."""

    caption: str
    tags: tuple[str, ...]
    pictures: tuple[ShownPicture, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    post_id: int
    title: str
    adapted: AdaptedPost
    shown: tuple[ShownPost, ...]


def rehearse_channel(desk: Desk, channel: str) -> Rehearsal:
    """Publish the next post of a channel to a sandbox of its own. Takes some seconds.

    Raises:
        RehearsalRefused: no post is ready for it, another rehearsal is under way, or the stage refused the post.
    """
    if not ONE_AT_A_TIME.acquire(blocking=False):
        raise RehearsalRefused("Another rehearsal is under way; try again in a moment.")
    try:
        post, look = _next_look(desk, channel)
        with running_sandbox() as sandbox, tempfile.TemporaryDirectory(prefix="publisher-rehearsal-") as folder:
            return _perform(desk, channel, post, look, sandbox, Path(folder))
    except SandboxFailed as error:
        raise RehearsalRefused(f"The sandbox failed: {error}") from error
    except PlatformError as error:
        raise RehearsalRefused(f"The sandbox refused the post: {error.message}") from error
    finally:
        ONE_AT_A_TIME.release()


def _next_look(desk: Desk, channel: str) -> tuple[Post, RenderedPost]:
    with desk.database.reading() as session:
        day = next(project(session, desk.settings, desk.now()))
        if day.post_id is None:
            raise RehearsalRefused("No post is ready to be rehearsed; approve one first.")
        post = load_post(session, day.post_id)
    try:
        (look,) = preview(post, {channel: desk.targets[channel]}, desk.people, desk.renderer)
    except PostError as error:
        raise RehearsalRefused(str(error)) from error
    if blocking := [problem.message for problem in look.problems if problem.blocking]:
        raise RehearsalRefused(f"“{post.title}” can't go out on {channel}: {blocking[0]}")
    return post, look


def _perform(
    desk: Desk, channel: str, post: Post, look: RenderedPost, sandbox: SandboxClient, folder: Path
) -> Rehearsal:
    adapted, renditions = look.adapted, [each for each in look.renditions if each is not None]
    if adapted is None:
        raise RehearsalRefused(f"{channel} leaves “{post.title}” out, because it is not translated.")
    adapter = _adapter(desk, channel, sandbox, folder)
    part: AdaptedPost | None = adapted
    while part is not None:
        publication = _publish(adapter, part, renditions, desk)
        part = part.next_part(publication.remote_id) if part.thread else None
    digests = {made.sha256: image.spec.digest for made, image in zip(renditions, adapted.images, strict=True)}
    shown = tuple(_shown(each, adapted, digests) for each in sandbox.ledger())
    return Rehearsal(post.id, post.title, adapted, shown)


def _adapter(desk: Desk, channel: str, sandbox: SandboxClient, folder: Path) -> PlatformAdapter:
    """An adapter that knows the stage alone."""
    platform = desk.settings.channels[channel].platform
    stage: Mapping[str, Any] | None = sandbox.get("/accounts").get(platform)
    if stage is None:
        raise RehearsalRefused(f"The sandbox has no {desk.channels.profile(channel).label} to rehearse on.")
    settings = stage["settings"]
    for address in filter(None, (settings.get("base_url"), settings.get("proxy"))):
        _see_that_it_is_here(address)
    if not (settings.get("base_url") or settings.get("proxy")):
        raise RehearsalRefused("The sandbox does not say where it is.")
    connection = Connection(
        channel=channel,
        account=stage["account"],
        profile=desk.channels.profile(channel),
        secrets=stage["secrets"],
        session=SessionFile(folder / "session.json"),
        clock=desk.clock,
        base_url=settings.get("base_url"),
        proxy=settings.get("proxy"),
        ca_file=Path(settings["ca_file"]) if "ca_file" in settings else None,
    )
    adapter = adapter_class(platform)
    try:
        return adapter.connect(connection)
    except CredentialsRefused:
        adapter.authorize(connection, _NoQuestions())
        return adapter.connect(connection)


def _see_that_it_is_here(address: str) -> None:
    host = urlsplit(address).hostname or ""
    if not ipaddress.ip_address(host).is_loopback:
        raise RehearsalRefused(f"The sandbox is not on this machine ({host}); nothing was sent.")


def _publish(adapter: PlatformAdapter, part: AdaptedPost, renditions: list[Rendition], desk: Desk) -> Publication:
    key = adapter.idempotency_key(KeySeed(token=TOKEN, title=part.title, created_at=desk.now()))
    total = len(part.images)
    media = [
        adapter.upload_media(made, image.alt_text, idempotency_key=key, position=position, total=total)
        for position, (made, image) in enumerate(zip(renditions, part.images, strict=False))
    ]
    preparation = adapter.prepare(part, media, idempotency_key=key)
    return adapter.publish(part, media, idempotency_key=key, preparation=preparation)


def _shown(post: Mapping[str, Any], adapted: AdaptedPost, digests: Mapping[str, str]) -> ShownPost:
    """What the stage's record tells of one post."""
    pictures = tuple(
        ShownPicture(
            digest=digests.get(image["sha256"]) or own.spec.digest,
            width=image["width"],
            height=image["height"],
            alt_text=image["alt_text"] or "",
            unchanged=image["sha256"] in digests,
        )
        for image, own in zip(post["images"], adapted.images, strict=False)
    )
    return ShownPost(post["caption"], tuple(post["tags"]), pictures)


class _NoQuestions:
    """The sandbox's own account needs no person."""

    def tell(self, text: str) -> None:
        """Nobody is there to be told."""

    def ask(self, question: str, *, secret: bool = False) -> str:
        raise SandboxFailed(f"it should not have asked: {question}")
