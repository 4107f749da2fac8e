"""Defines what every platform adapter promises. See `errors` for the ways in which a call may end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal, Protocol, Self

from publisher.core.clock import Clock
from publisher.core.content import (
    Account,
    AdaptedPost,
    BlockKind,
    Preparation,
    Publication,
    Rendition,
)
from publisher.core.messages import Message
from publisher.core.problems import Problem
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.problem_codes import CorrectionProblem
from publisher.platforms.profiles import Profile
from publisher.platforms.session_files import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Describes one credential of a channel, read from `PUBLISHER_<CHANNEL>_<NAME>` or `..._FILE`."""

    name: str
    hint: Message
    """What it is, as a noun phrase."""
    required: bool = True


QuotaKind = Literal["requests", "posts", "media", "reading"]
"""What a quota is about: requests of every kind, posts, pictures handed over, or what only reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Says how much an account may still do until `resets_at`, as the platform reported it."""

    kind: QuotaKind
    name: str
    """One name per limit of the platform, at most 40 characters, as people read it: `posts, 15 min`."""
    maximum: int
    remaining: int
    resets_at: datetime


QuotaListener = Callable[[Sequence[Quota]], None]
"""Called with every quota that an answer names. It never raises."""


def ignore_quotas(_quotas: Sequence[Quota]) -> None:
    """Ignores quotas."""


ClockListener = Callable[[timedelta], None]
"""Called with how far the platform's clock is ahead of ours, by each answer's `Date` header. It never raises."""


def ignore_clock(_ahead: timedelta) -> None:
    """Ignores what an answer says about the platform's clock."""


class PostPart(StrEnum):
    """Names a part of a published post that may be corrected."""

    TEXT = "text"
    TAGS = "tags"
    LINK = "link"
    ALT_TEXTS = "alt texts"
    PICTURES = "pictures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Holds everything that an adapter needs to reach one channel's account."""

    channel: str
    account: str
    """Blog name, user name or handle, as the configuration gives it."""
    profile: Profile
    secrets: Mapping[str, str]
    session: SessionStore
    clock: Clock
    base_url: str | None = None
    proxy: str | None = None
    ca_file: Path | None = None
    quotas: QuotaListener = ignore_quotas
    """An adapter calls it with what each answer says about quotas; what can't be read is left out."""
    platform_clock: ClockListener = ignore_clock
    """An adapter calls it with what each answer's `Date` header says; what can't be read is left out."""
    uplink_bytes_per_second: float = 32_000.0
    """The slowest line that an upload is allowed time for."""
    drafts: bool = True
    """Publish through a draft, where the platform has drafts. False: with one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySeed:
    """Holds what an idempotency key is made of: the same seed always gives the same key."""

    token: str
    """Twelve random hexadecimal characters, drawn once per delivery."""
    title: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedMedia:
    """Holds one rendition with its alt text, and what the platform called it."""

    image: Rendition
    alt_text: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class RequestText:
    """Holds one text of the request that publishes a post, byte for byte as it leaves."""

    text: str
    field: Message | None = None
    """What the text is for. None: followers read it as a part of the post."""
    kind: BlockKind = "paragraph"


class Dialogue(Protocol):
    """Asks a person questions while a channel is connected by hand."""

    def show(self, text: str) -> None: ...

    def ask(self, question: str, *, secret: bool = False) -> str: ...


class PlatformAdapter(ABC):
    """Reaches one channel on one platform. Its methods raise only `PlatformError`.

    The worker calls `upload_media` as often as it likes: nothing may become visible. It calls
    `publish` at most once per idempotency key until `find_publication` has read that the post
    is not there; an adapter must send that one request once, whatever happens.
    """

    secrets: ClassVar[tuple[Secret, ...]]
    fixed_parts: ClassVar[Mapping[PostPart, Problem]] = dict.fromkeys(PostPart, CorrectionProblem.NOT_OFFERED())
    """The parts of a published post that can't be corrected, and why. By default none can."""
    shows_link: ClassVar[bool] = False
    """Whether a post has a field for `AdaptedPost.link` there. Elsewhere that stays with the desk."""

    @classmethod
    @abstractmethod
    def connect(cls, connection: Connection) -> Self:
        """Returns an adapter for this channel. Reads files, asks nobody, sends nothing.

        Raises:
            CredentialsRefused: a secret or a stored session is missing or can't be used; the
                message names what to set or which command to run.
        """

    @classmethod
    @abstractmethod
    def authorize(cls, connection: Connection, dialogue: Dialogue) -> Account:
        """Logs in once by hand and stores the session. The only method that asks a person."""

    @classmethod
    @abstractmethod
    def idempotency_key(cls, seed: KeySeed) -> str:
        """Returns the key that makes a second try harmless or findable on this platform."""

    @classmethod
    @abstractmethod
    def post_id_of(cls, reference: str, account: str) -> str:
        """Returns the one canonical id of the post that a link or an id names. Sends nothing.

        `account`: whose post it must be, where the link names an account. Empty: anybody's.

        Raises:
            LinkRefused: it names no post, or one of another account or platform.
        """

    @classmethod
    def post_url_of(cls, post_id: str, account: str, profile: Profile) -> str:
        """Returns the address of the post with a canonical id."""
        return profile.post_url.format(account=account.removeprefix("@"), id=post_id)

    @classmethod
    def request_texts(cls, post: AdaptedPost) -> tuple[RequestText, ...]:
        """Returns the texts that the publishing request of a post carries, in their order, and nothing else.

        Alt texts are not among them: they go with their pictures. The default is a request with the caption alone.
        """
        return (RequestText(post.caption),) if post.caption else ()

    @abstractmethod
    def verify_credentials(self) -> Account:
        """Returns whose the credentials are. Reads only."""

    @abstractmethod
    def upload_media(
        self, image: Rendition, alt_text: str, *, idempotency_key: str, position: int, total: int
    ) -> UploadedMedia:
        """Uploads one image. Repeatable: no follower sees anything.

        `position` counts from 0. Trouble here is never `Unconfirmed`.
        """

    def prepare(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        earlier: Preparation = NOTHING_PREPARED,
    ) -> Preparation:
        """Does what followers don't see, just before the publishing request, such as making a draft. Repeatable.

        `earlier`: what was prepared for a former request with this key. Trouble here is never
        `Unconfirmed`. The default prepares nothing.
        """
        return NOTHING_PREPARED

    @abstractmethod
    def publish(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication:
        """Sends the one request that publishes, once. `preparation`: what `prepare` returned for it."""
