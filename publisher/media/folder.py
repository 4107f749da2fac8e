"""Stores media in a local folder."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from publisher.core.disk_files import file_sha256
from publisher.core.messages import Message, _
from publisher.core.private_files import make_private_folder
from publisher.media.base import MediaDamaged, MediaMissing, MediaStore, MediaUnreachable
from publisher.media.files import translate_disk_errors, write_atomically

SHA256 = re.compile("[0-9a-f]{64}")


class FolderStore(MediaStore):
    """Stores files named by their hash, with its first two characters as a sub-folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Returns the path of an original by its hash, whether or not it is there."""
        return self.folder / "originals" / sha256[:2] / sha256

    def put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        with translate_disk_errors(self.folder):
            if not (target.is_file() and file_sha256(target) == sha256):
                write_atomically(target, content)
        return sha256

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def fetch(self, sha256: str) -> Path:
        path = self.path(sha256)
        if not path.is_file():
            raise MediaMissing
        with translate_disk_errors(self.folder):
            if file_sha256(path) != sha256:
                raise MediaDamaged
        return path

    def originals(self) -> Iterator[str]:
        paths = sorted((self.folder / "originals").glob("??/*"))
        return (path.name for path in paths if SHA256.fullmatch(path.name) and path.is_file())

    def load(self, digest: str, suffix: str) -> Path | None:
        path = self._rendition(digest, suffix)
        return path if path.is_file() else None

    def save(self, digest: str, suffix: str, content: bytes) -> Path:
        path = self._rendition(digest, suffix)
        with translate_disk_errors(self.folder):
            write_atomically(path, content)
        return path

    def _rendition(self, digest: str, suffix: str) -> Path:
        return self.folder / "renditions" / digest[:2] / f"{digest}{suffix}"

    def sweep(self, keep: Collection[str], older_than: datetime) -> int:
        removed = 0
        for path in sorted((self.folder / "renditions").glob("??/*")):
            if path.is_file() and path.stat().st_mtime < older_than.timestamp() and path.name[:64] not in keep:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def work_folder(self) -> Path:
        folder = self.folder / "renditions"
        with translate_disk_errors(self.folder):
            make_private_folder(folder)
        return folder

    def examine(self) -> Message:
        probe = self.folder / f"probe-{uuid.uuid4().hex}"
        with translate_disk_errors(self.folder):
            write_atomically(probe, b"probe")
            read = probe.read_bytes()
            probe.unlink()
        if read != b"probe":
            raise MediaUnreachable(
                _(
                    "the media folder {folder} gives back something else than was written there",
                    folder=str(self.folder),
                )
            )
        return _("the folder {folder} can be written to", folder=str(self.folder))
