"""What every platform adapter promises. See `errors` for the ways in which a call may end."""

from __future__ import annotations

import json
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from publisher.clock import Clock
from publisher.content import Account, AdaptedPost, Publication, PublishedPost, Rendition
from publisher.profiles import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One credential of a channel, read from `PUBLISHER_<CHANNEL>_<NAME>` or `..._FILE`."""

    name: str
    hint: str
    required: bool = True


class SessionStore(Protocol):
    """Where one channel's session lies: what its platform handed out after a log-in."""

    @property
    def place(self) -> str:
        """Where it is, for a person."""

    def load(self) -> dict[str, Any]:
        """The stored session; empty when there is none. Raises OSError or ValueError when it can't be read."""

    def save(self, session: Mapping[str, Any]) -> None:
        """Replace it whole: a reader sees the old one or the new one."""

    def alone(self) -> AbstractContextManager[None]:
        """Inside, nobody else is: no other thread, process or machine. Raises Unavailable when that takes too long."""


class SessionFile:
    """A session in a JSON file of mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, Any]:
        """The stored session; empty when there is none."""
        try:
            loaded = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return loaded if isinstance(loaded, dict) else {}

    def save(self, session: Mapping[str, Any]) -> None:
        """Replace the stored session whole: a reader sees the old one or the new one."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(dict(session), file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Everything an adapter needs to reach one channel's account."""

    channel: str
    account: str
    """Blog name, user name or handle, as the configuration gives it."""
    profile: Profile
    secrets: Mapping[str, str]
    session: SessionFile
    clock: Clock
    base_url: str | None = None
    proxy: str | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySeed:
    """What an idempotency key is made of: the same seed always gives the same key."""

    token: str
    """Twelve random hexadecimal characters, drawn once per delivery."""
    title: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedMedia:
    """One rendition with its alt text, and what the platform called it."""

    image: Rendition
    alt_text: str
    reference: str = ""


class Dialogue(Protocol):
    """A person who answers questions while a channel is connected by hand."""

    def tell(self, text: str) -> None: ...

    def ask(self, question: str, *, secret: bool = False) -> str: ...


class PlatformAdapter(ABC):
    """One channel on one platform. Its methods raise only `PlatformError`.

    The worker calls `upload_media` as often as it likes: nothing may become visible. It calls
    `publish` at most once per idempotency key until `find_publication` has read that the post
    is not there; an adapter must send that one request once, whatever happens.
    """

    secrets: ClassVar[tuple[Secret, ...]]

    @classmethod
    @abstractmethod
    def connect(cls, connection: Connection) -> Self:
        """An adapter for this channel. Reads files, asks nobody, sends nothing.

        Raises:
            CredentialsRefused: a secret or a stored session is missing or can't be used; the
                message names what to set or which command to run.
        """

    @classmethod
    @abstractmethod
    def authorize(cls, connection: Connection, dialogue: Dialogue) -> Account:
        """Log in once by hand and store the session. The only method that asks a person."""

    @classmethod
    @abstractmethod
    def idempotency_key(cls, seed: KeySeed) -> str:
        """What makes a second try harmless or findable on this platform."""

    @abstractmethod
    def verify_credentials(self) -> Account:
        """Who the credentials belong to. Reads only."""

    @abstractmethod
    def upload_media(
        self, image: Rendition, alt_text: str, *, idempotency_key: str, position: int, total: int
    ) -> UploadedMedia:
        """Hand over one image. Repeatable: no follower sees anything.

        `position` counts from 0. Trouble here is never `Unconfirmed`.
        """

    @abstractmethod
    def publish(self, post: AdaptedPost, media: Sequence[UploadedMedia], *, idempotency_key: str) -> Publication:
        """Send the one request that publishes, once."""


@runtime_checkable
class SupportsLookup(Protocol):
    """The platform can be asked whether a post of ours is there."""

    def find_publication(self, post: AdaptedPost, *, idempotency_key: str, since: datetime) -> Publication | None:
        """Our post among those published at or after `since`, or None when it surely isn't there.

        Reads only. Raises `Unavailable`, `RateLimited` or `CredentialsRefused` when the
        question was not answered.
        """
        ...


@runtime_checkable
class SupportsReadBack(Protocol):
    """A published post can be read back, to see what followers see."""

    def read_publication(self, remote_id: str) -> PublishedPost | None:
        """The post as the platform shows it, or None when it is gone. Reads only."""
        ...
