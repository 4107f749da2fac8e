"""Identifies the file that a post is added from, so that the same one is not added twice."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

from publisher.core.disk_files import file_sha256
from publisher.core.file_reading import check_plain_file
from publisher.posts.drafts import PostDraft
from publisher.posts.pictures import MAX_PICTURE_BYTES
from publisher.posts.sources import PostSource


def identify_source(path: Path, draft: PostDraft) -> PostSource | None:
    """Identifies a post file and what it says and shows. None: one of its files can't be read, as adding it tells."""
    name = unicodedata.normalize("NFC", str(path.resolve()))
    files = [path, *(image.file for image in draft.images if image.file is not None)]
    try:
        digests = [_digest(file) for file in files]
    except OSError:
        return None
    return PostSource(
        key=hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest(),
        digest=hashlib.sha256("\n".join(digests).encode()).hexdigest(),
    )


def _digest(file: Path) -> str:
    check_plain_file(file, MAX_PICTURE_BYTES)
    return file_sha256(file)
