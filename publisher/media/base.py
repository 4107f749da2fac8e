"""What every media store promises, and the ways in which it can't keep it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from publisher.core.errors import ErrorKind, UserError


class MediaError(UserError):
    """Media can't be had or kept; the message is one sentence for a person, without secrets."""

    code = "media-unusable"
    kind = ErrorKind.DEPENDENCY


class MediaMissing(MediaError):
    """The store was reached, and has no such original."""

    code = "media-missing"

    def __init__(self) -> None:
        super().__init__("The original of this picture is not in the media store: add the picture again.")


class MediaDamaged(MediaError):
    """What is stored under the name of an original is something else."""

    code = "media-damaged"

    def __init__(self) -> None:
        super().__init__("The original of this picture is damaged in the media store: add the picture again.")


class MediaUnreachable(MediaError):
    """The store was not reached, or refused. Nothing is known of what is in it: try later."""

    code = "media-unreachable"


class MediaStore(ABC):
    """Originals by their SHA-256, and renditions by the digest of their specification and a suffix.

    Any number of threads, processes and machines may use it at once. Every method raises
    `MediaUnreachable` where the storage can't be used.
    """

    @abstractmethod
    def put(self, content: bytes) -> str:
        """Store an original, whole or not at all, and return its SHA-256 in hexadecimal.

        Storing it again changes nothing, unless what is stored is damaged: that is mended.
        """

    @abstractmethod
    def has(self, sha256: str) -> bool:
        """Whether an original of this name is stored. Only `fetch` looks at its content."""

    @abstractmethod
    def fetch(self, sha256: str) -> Path:
        """A local file with this original, its content checked. It must not be changed, and stays for an hour.

        Raises:
            MediaMissing: there is no such original.
            MediaDamaged: its content is not what its name says.
        """

    @abstractmethod
    def originals(self) -> Iterator[str]:
        """The SHA-256 of every stored original, in order."""

    @abstractmethod
    def load(self, digest: str, suffix: str) -> Path | None:
        """A local file of a rendition; None: it was not stored, or can't be had now and has to be made.

        `suffix` is `.jpeg`, `.json`, ... The content is not checked. The file stays for an hour.
        """

    @abstractmethod
    def save(self, digest: str, suffix: str, content: bytes) -> Path:
        """Store a file of a rendition, whole or not at all, and return a local file as `load` does."""

    @abstractmethod
    def sweep(self, keep: Collection[str], older_than: datetime) -> int:
        """Remove what was made of originals before this instant and whose digest is not to be kept.

        Returns how many files were removed. What is needed again later is made again.
        """

    @abstractmethod
    def workroom(self) -> Path:
        """A local folder, there now, in which files may be made before they are stored."""

    @abstractmethod
    def examine(self) -> str:
        """Write, read and remove something small, and tell where that was, in words."""
