"""Writes files atomically, and computes their hashes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from publisher.core.machine_errors import reading_problem
from publisher.core.messages import _
from publisher.core.private_files import make_private_folder
from publisher.media.base import MediaUnreachable

UNFINISHED_PREFIX = ".part-"


@contextmanager
def atomic_file(target: Path) -> Iterator[BinaryIO]:
    """Opens a new file, which is moved to `target`, on disk, when the block ends, and removed when it fails."""
    make_private_folder(target.parent)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=UNFINISHED_PREFIX)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_atomically(target: Path, content: bytes) -> None:
    """Writes a file so that it is there whole, on disk, or not at all."""
    with atomic_file(target) as file:
        file.write(content)


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Turns errors of the disk into MediaUnreachable, with a sentence."""
    try:
        yield
    except OSError as error:
        why = reading_problem(error) or error.strerror or str(error)
        raise MediaUnreachable(
            _(
                "the media folder {folder} can't be used, because {why}; mend its permissions or its disk",
                folder=str(folder),
                why=why,
            )
        ) from error
