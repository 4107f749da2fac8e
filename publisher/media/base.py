"""Defines the interface of media stores, and their errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from publisher.core.errors import ErrorKind, UserError
from publisher.core.messages import Message, _


class MediaError(UserError):
    """Media can't be read or stored; the message is one sentence for a person, without secrets."""

    code = "media-unusable"
    kind = ErrorKind.DEPENDENCY


class MediaMissing(MediaError):
    """The store was reached, and has no such original."""

    code = "media-missing"

    def __init__(self) -> None:
        super().__init__(_("The original of this picture is not in the media store: add the picture again."))


class MediaDamaged(MediaError):
    """The content of a stored original is not what its name says."""

    code = "media-damaged"

    def __init__(self) -> None:
        super().__init__(_("The original of this picture is damaged in the media store: add the picture again."))


class MediaUnreachable(MediaError):
    """The store was not reached, or refused. Nothing is known of what is in it: try later."""

    code = "media-unreachable"


class MediaStore(ABC):
    """Stores originals by their SHA-256, and renditions by the digest of their specification and a suffix.

    Any number of threads, processes and machines may use it at once. Every method raises
    `MediaUnreachable` where the storage can't be used.
    """

    @abstractmethod
    def put(self, content: bytes) -> str:
        """Stores an original, whole or not at all, and returns its SHA-256 in hexadecimal.

        Storing it again changes nothing, unless what is stored is damaged: that is mended.
        """

    @abstractmethod
    def has(self, sha256: str) -> bool:
        """Tells whether an original of this name is stored. Only `fetch` checks its content."""

    @abstractmethod
    def fetch(self, sha256: str) -> Path:
        """Returns a local file with this original, its content checked. It must not be changed, and stays for an hour.

        Raises:
            MediaMissing: there is no such original.
            MediaDamaged: its content is not what its name says.
        """

    @abstractmethod
    def originals(self) -> Iterator[str]:
        """Yields the SHA-256 of every stored original, in order."""

    @abstractmethod
    def load(self, digest: str, suffix: str) -> Path | None:
        """Returns a local file of a rendition; None: it was not stored, or can't be read now and has to be made.

        `suffix` is `.jpeg`, `.json`, ... The content is not checked. The file stays for an hour.
        """

    @abstractmethod
    def save(self, digest: str, suffix: str, content: bytes) -> Path:
        """Stores a file of a rendition, whole or not at all, and returns a local file as `load` does."""

    @abstractmethod
    def sweep(self, keep: Collection[str], older_than: datetime) -> int:
        """Removes renditions that were made before this instant and whose digest is not to be kept.

        Returns how many files were removed. What is needed again later is made again.
        """

    @abstractmethod
    def work_folder(self) -> Path:
        """Makes and returns a local folder for files that are not stored yet."""

    @abstractmethod
    def examine(self) -> Message:
        """Writes, reads and removes a small file, and returns a sentence that names the place."""
