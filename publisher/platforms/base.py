"""Defines what every platform adapter promises. See `errors` for the ways in which a call may end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from pathlib import Path
from typing import ClassVar, Literal, Protocol, Self, runtime_checkable

from publisher.core.clock import Clock
from publisher.core.content import (
    Absence,
    Account,
    AdaptedPost,
    BlockKind,
    Preparation,
    Publication,
    PublishedPost,
    Rendition,
)
from publisher.core.messages import Message
from publisher.core.problems import Problem
from publisher.platforms.problem_codes import CorrectionProblem
from publisher.platforms.profiles import Profile
from publisher.platforms.session_files import SessionStore
from publisher.platforms.text_difference import TextDifference


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


class CorrectionEnd(Enum):
    """Says how a correction ended well."""

    SENT = "sent"
    SHOWN_ALREADY = "shown already"
    """The platform showed the corrected post before anything was sent."""


NOTHING_PREPARED = Preparation()


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

    def tell(self, text: str) -> None: ...

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


@runtime_checkable
class SupportsLookup(Protocol):
    """Marks a platform that can be asked whether a post of ours is there."""

    def find_publication(
        self,
        post: AdaptedPost,
        *,
        idempotency_key: str,
        since: datetime,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication | Absence:
        """Looks for our post among those published at or after `since` (our clock), or says why it was not found.

        `preparation`: what was stored with the request; nothing where a backup was restored.
        Reads only. Raises `Unavailable`, `RateLimited` or `CredentialsRefused` when the
        question was not answered.
        """
        ...


@runtime_checkable
class ListsPublications(Protocol):
    """Marks a platform that lists what an account published since some time."""

    def publications_since(self, post: AdaptedPost, since: datetime) -> Sequence[Publication]:
        """Returns every public post of the account that could be `post` with any other text and pictures.

        `since`: our clock. Posts from somewhat before may be among them. Reads only. Raises what
        `find_publication` does.
        """
        ...


@runtime_checkable
class SupportsReadBack(Protocol):
    """Marks a platform that shows a published post, so that it can be compared."""

    def read_publication(self, remote_id: str) -> PublishedPost | None:
        """Returns the post as the platform shows it, or None when it is gone. Reads only."""
        ...

    def text_difference(self, post: AdaptedPost, shown: str) -> TextDifference | None:
        """Returns where a shown text differs from the sent one, with the platform's own rewriting undone."""
        ...


@runtime_checkable
class SupportsCorrection(Protocol):
    """Marks a platform on which a published post may get another text."""

    def correct(self, remote_id: str, *, before: AdaptedPost, after: AdaptedPost) -> CorrectionEnd:
        """Gives the post with this id what `after` says, but for the `fixed_parts`. It never makes a post.

        It reads the post first, and sends one request that carries the post's id. A post that shows `after` already
        is left as it is; so is one that shows neither `before` nor `after`, for somebody has changed it there.
        It may be repeated: the same correction twice is one.

        Raises:
            ContentRejected: nothing was changed, and a repetition changes nothing.
            CredentialsRefused, RateLimited, Unavailable: nothing was changed.
            Unconfirmed: it may have been changed, or will be; reading the post shows it.
        """
        ...


@runtime_checkable
class RemovesDrafts(Protocol):
    """Marks a platform that keeps drafts, which stay there when their posts are given up."""

    def remove_drafts(
        self, post: AdaptedPost, *, idempotency_key: str, preparation: Preparation
    ) -> Publication | Absence:
        """Removes every draft of a post that was canceled; returns the post if it is public.

        A public post is never removed. `Absence.GONE`: no draft is left. Raises `DraftLeft` where a draft was changed
        by somebody or can't be removed, and any other `PlatformError` where the question was not answered.
        """
        ...


@dataclass(frozen=True, slots=True)
class ListedDraft:
    """Holds a draft on a platform that begins with the token of a delivery, of this desk or another one."""

    reference: str
    token: str
    slug: str


@runtime_checkable
class ListsDrafts(Protocol):
    """Marks a platform that lists an account's drafts, and shows which of them a desk has made."""

    def list_drafts(self) -> Sequence[ListedDraft]:
        """Returns the drafts that a desk has made. Reads only; the list may lag. Raises what a look-up does."""
        ...


@runtime_checkable
class CountsPostsRead(Protocol):
    """Marks a platform that charges for each post that it shows to us."""

    def count_posts_read(self) -> int:
        """Returns how many posts this adapter has read; where an answer was lost, as many as it may have had."""
        ...


@runtime_checkable
class KeepsLogin(Protocol):
    """Marks a platform whose log-in may end by itself, or must be renewed before it does."""

    def login_ends(self) -> datetime | None:
        """Returns when a person has to log in again, as far as that is known. Reads what is stored, sends nothing."""
        ...

    def keep_login(self) -> None:
        """Renews what would end before the next call an hour later, once, however many ask at the same time.

        Raises:
            CredentialsRefused: the platform does not renew it any more; the message names the command to run.
            Unavailable, RateLimited: nothing was renewed; what is stored is as it was.
        """
        ...


@runtime_checkable
class SupportsQuotas(Protocol):
    """Marks a platform that can be asked what is left of the day's quotas."""

    def read_quotas(self) -> None:
        """Has the connection's `quotas` called with what is left. Reads only; may raise any `PlatformError`."""
        ...
