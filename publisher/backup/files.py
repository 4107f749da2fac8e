"""Copies, hashes and flushes the files of a backup, and turns failures into sentences."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from publisher.core.errors import UserError
from publisher.core.messages import Message, _
from publisher.core.private_files import make_private_folder

UNFINISHED = ".part-"
"""How the names of what is not whole yet begin."""
LEFT_AFTER = timedelta(days=1)
"""Nobody works for so long on what is not whole yet."""


class BackupError(UserError):
    """Says that a backup can't be made or used; the message is one sentence for a person."""

    code = "backup-unusable"


def copy_file(source: Path, target: Path) -> None:
    """Copies a file so that it is there whole, on disk, or not at all, and readable only by its owner."""
    make_private_folder(target.parent)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as copy, source.open("rb") as content:
            shutil.copyfileobj(content, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def link_or_copy(source: Path, target: Path) -> None:
    """Links a file that is never changed under a second name; copies it where links are impossible."""
    make_private_folder(target.parent)
    try:
        os.link(source.resolve(), target)
    except OSError:
        copy_file(source, target)


def clear_unfinished(folder: Path, prefix: str, now: datetime) -> None:
    """Removes what a killed process left a day ago or longer, in folders whose names begin with `prefix`."""
    for path in folder.glob(f"{prefix}*"):
        if path.stat().st_mtime < (now - LEFT_AFTER).timestamp():
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def as_backup_errors(failure: Message) -> Iterator[None]:
    """Turns the error of a disk or database into one sentence that begins with `failure`."""
    try:
        yield
    except sqlite3.Error as error:
        full = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
        remedy = _("make room, then try again") if full else _("mend it, then try again")
        raise BackupError(_("{failure}: {reason}; {remedy}", failure=failure, reason=error, remedy=remedy)) from error
    except OSError as error:
        reason = error.strerror or error
        if not error.filename:
            text = _("{failure}: {reason}; {remedy}", failure=failure, reason=reason, remedy=_remedy(error))
        else:
            text = _(
                "{failure}: {reason} ({file}); {remedy}",
                failure=failure,
                reason=reason,
                file=error.filename,
                remedy=_remedy(error),
            )
        raise BackupError(text) from error


def _remedy(error: OSError) -> Message:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return _("make room or name another folder")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return _("allow this user to read and write there")
        case errno.ENOENT:
            return _("mend its path")
    return _("mend it, then try again")
