"""Rehearses a channel: publishes its next post to a sandbox that is started for it and ends with it.

The channel's own secrets, session, address and proxy are not used. Nothing is sent to another machine.
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
from publisher.core.messages import _
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

DELIVERY_TOKEN = "5a4db0c5a4db"  # noqa: S105 (twelve hexadecimal digits, as a delivery's; on a account that is new each time)
REHEARSAL_LOCK = threading.Lock()


class RehearsalRefused(UserError):
    """Nothing was rehearsed, or the sandbox refused the post; the message is one sentence."""

    code = "rehearsal-refused"


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """Describes a picture as the sandbox shows it."""

    digest: str
    """Of its specification."""
    width: int
    height: int
    alt_text: str
    unchanged: bool
    """Whether every byte is that of the finished picture."""


@dataclass(frozen=True, slots=True)
class ShownPost:
    """Describes a post, or a reply that continues it, as followers would see it."""

    caption: str
    tags: tuple[str, ...]
    pictures: tuple[ShownPicture, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Holds what a rehearsal has published."""

    post_id: int
    title: str
    adapted: AdaptedPost
    shown: tuple[ShownPost, ...]


def rehearse_channel(desk: Desk, channel: str) -> Rehearsal:
    """Publishes the next post of a channel to a sandbox of its own. Takes some seconds.

    Raises:
        RehearsalRefused: no post is ready for it, another rehearsal is under way, or the sandbox refused the post.
    """
    if not REHEARSAL_LOCK.acquire(blocking=False):
        raise RehearsalRefused(_("Another rehearsal is under way; try again in a moment."))
    try:
        post, rendered = _next_preview(desk, channel)
        with running_sandbox() as sandbox, tempfile.TemporaryDirectory(prefix="publisher-rehearsal-") as folder:
            return _publish_post(desk, channel, post, rendered, sandbox, Path(folder))
    except SandboxFailed as error:
        raise RehearsalRefused(_("The sandbox failed: {problem}", problem=error.text)) from error
    except PlatformError as error:
        raise RehearsalRefused(_("The sandbox refused the post: {problem}", problem=error.problem)) from error
    finally:
        REHEARSAL_LOCK.release()


def _next_preview(desk: Desk, channel: str) -> tuple[Post, RenderedPost]:
    with desk.database.reading() as session:
        day = next(project(session, desk.settings, desk.now()))
        if day.post_id is None:
            raise RehearsalRefused(_("No post is ready to be rehearsed; approve one first."))
        post = load_post(session, day.post_id)
    try:
        (rendered,) = preview(post, {channel: desk.targets[channel]}, desk.people, desk.renderer)
    except PostError as error:
        raise RehearsalRefused(error.text) from error
    if blocking := [problem.message for problem in rendered.problems if problem.blocking]:
        raise RehearsalRefused(
            _("“{title}” can't go out on {channel}: {problem}", title=post.title, channel=channel, problem=blocking[0])
        )
    return post, rendered


def _publish_post(
    desk: Desk, channel: str, post: Post, rendered: RenderedPost, sandbox: SandboxClient, folder: Path
) -> Rehearsal:
    adapted, renditions = rendered.adapted, [rendition for rendition in rendered.renditions if rendition is not None]
    if adapted is None:
        raise RehearsalRefused(
            _("{channel} leaves “{title}” out, because it is not translated.", channel=channel, title=post.title)
        )
    adapter = _connect_adapter(desk, channel, sandbox, folder)
    part: AdaptedPost | None = adapted
    while part is not None:
        publication = _publish_part(adapter, part, renditions, desk)
        part = part.next_part(publication.remote_id) if part.thread else None
    digests = {made.sha256: image.spec.digest for made, image in zip(renditions, adapted.images, strict=True)}
    shown = tuple(_read_shown_post(post_there, adapted, digests) for post_there in sandbox.ledger())
    return Rehearsal(post.id, post.title, adapted, shown)


def _connect_adapter(desk: Desk, channel: str, sandbox: SandboxClient, folder: Path) -> PlatformAdapter:
    """Makes an adapter that is connected to the sandbox alone."""
    platform = desk.settings.channels[channel].platform
    account: Mapping[str, Any] | None = sandbox.get("/accounts").get(platform)
    if account is None:
        raise RehearsalRefused(
            _("The sandbox has no {platform} to rehearse on.", platform=desk.channels.profile(channel).label)
        )
    settings = account["settings"]
    for address in filter(None, (settings.get("base_url"), settings.get("proxy"))):
        _require_loopback(address)
    if not (settings.get("base_url") or settings.get("proxy")):
        raise RehearsalRefused(_("The sandbox does not say where it is."))
    connection = Connection(
        channel=channel,
        account=account["account"],
        profile=desk.channels.profile(channel),
        secrets=account["secrets"],
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
        adapter.authorize(connection, _NoConversation())
        return adapter.connect(connection)


def _require_loopback(address: str) -> None:
    host = urlsplit(address).hostname or ""
    if not ipaddress.ip_address(host).is_loopback:
        raise RehearsalRefused(_("The sandbox is not on this machine ({host}); nothing was sent.", host=host))


def _publish_part(adapter: PlatformAdapter, part: AdaptedPost, renditions: list[Rendition], desk: Desk) -> Publication:
    key = adapter.idempotency_key(KeySeed(token=DELIVERY_TOKEN, title=part.title, created_at=desk.now()))
    total = len(part.images)
    media = [
        adapter.upload_media(made, image.alt_text, idempotency_key=key, position=position, total=total)
        for position, (made, image) in enumerate(zip(renditions, part.images, strict=False))
    ]
    preparation = adapter.prepare(part, media, idempotency_key=key)
    return adapter.publish(part, media, idempotency_key=key, preparation=preparation)


def _read_shown_post(post: Mapping[str, Any], adapted: AdaptedPost, digests: Mapping[str, str]) -> ShownPost:
    """Reads one post from the sandbox's ledger."""
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


class _NoConversation:
    """Asks nobody: the sandbox's own account needs no person."""

    def show(self, text: str) -> None:
        """Ignores a text for a person."""

    def ask(self, question: str, *, secret: bool = False) -> str:
        raise SandboxFailed(_("it asked an unexpected question: {question}", question=question))
