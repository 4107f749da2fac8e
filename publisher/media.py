"""Originals and renditions, stored by the SHA-256 of their content. Nothing stored is ever changed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


class MediaStore:
    """A folder of files named by their hash, two characters of it as a sub-folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Where the original of this hash lies, whether or not it is there."""
        return self.folder / "originals" / sha256[:2] / sha256

    def put(self, content: bytes) -> str:
        """Store an original and return its hash. Storing it again changes nothing."""
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        if not target.exists():
            write_whole(target, content)
        return sha256

    def rendition_path(self, digest: str, suffix: str) -> Path:
        """Where the rendition of this specification lies; `suffix` is `.jpeg`, `.json`, ..."""
        return self.folder / "renditions" / digest[:2] / f"{digest}{suffix}"

    def originals(self) -> Iterator[Path]:
        """Every stored original."""
        return (path for path in sorted((self.folder / "originals").glob("??/*")) if path.is_file())


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that it is there whole, on disk, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
