"""Stores what platforms hand out after a log-in, in files of this machine."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from publisher.core.disk_files import flush_to_disk
from publisher.core.file_reading import SESSION_BYTES, read_text
from publisher.core.machine_errors import machine_problem
from publisher.core.messages import _
from publisher.core.private_files import FILE_MODE, make_private_folder
from publisher.platforms.errors import CredentialsRefused, Unavailable
from publisher.platforms.problem_codes import SessionProblem

LOCK_PAUSE_SECONDS = 0.2
LOCK_TIMEOUT_SECONDS = 60.0
"""So long a session is waited for that somebody else is renewing: longer than any renewal takes."""


class SessionStore(Protocol):
    """Stores one channel's session: what its platform handed out after a log-in."""

    @property
    def place(self) -> str:
        """Returns where it is, for a person."""

    def load(self) -> dict[str, Any]:
        """Returns the stored session; empty when there is none.

        Raises:
            OSError, ValueError: it can't be read.
            CredentialsRefused: it can't be opened with the keys at hand.
            Unavailable: the place where it lies is not reached.
        """

    def save(self, session: Mapping[str, Any]) -> None:
        """Replaces it whole, durably: a reader sees the old one or the new one. Raises what `load` does."""

    def alone(self) -> AbstractContextManager[None]:
        """Locks the session: no other thread, and no other process with the same store, is inside.

        Raises:
            Unavailable: somebody else is inside for too long, or the place is not reached.
        """


class SessionFile:
    """Stores a session in a JSON file of mode 0600, for the processes of one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def place(self) -> str:
        return str(self.path)

    def load(self) -> dict[str, Any]:
        """Returns the stored session; empty when there is none."""
        try:
            loaded = json.loads(read_text(self.path, SESSION_BYTES))
        except FileNotFoundError:
            return {}
        return loaded if isinstance(loaded, dict) else {}

    def save(self, session: Mapping[str, Any]) -> None:
        """Replaces the stored session whole: a reader sees the old one or the new one."""
        self._make_folder()
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
        # Until then a crash of the machine could bring the old session back.
        flush_to_disk(self.path.parent)

    @contextmanager
    def alone(self) -> Iterator[None]:
        self._make_folder()
        with file_lock(self.path.with_suffix(".lock"), self.place):
            yield

    def _make_folder(self) -> None:
        make_private_folder(self.path.parent)


def unreadable_session(store: SessionStore, error: OSError) -> Unavailable:
    """Returns the error for a stored log-in that this machine can't read now: the log-in may be in order."""
    why = machine_problem(error) or error.strerror or _("it could not be opened")
    return Unavailable(SessionProblem.SESSION_UNREADABLE(place=store.place, why=why))


def damaged_session(store: SessionStore, channel: str) -> CredentialsRefused:
    """Returns the error for a stored log-in that holds something else: a person has to connect the channel again."""
    return CredentialsRefused(SessionProblem.SESSION_DAMAGED(place=store.place, channel=channel))


@contextmanager
def file_lock(file: Path, what: str) -> Iterator[None]:
    """Locks a file for one thread of one process of this machine at a time; a process that dies releases it.

    Raises:
        Unavailable: another one is inside for too long; `what` names it there.
        OSError: the file can't be made, or is a link to another.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - a session is seldom renewed

    # Where the disk has no flock, an error is better than a lock that outlives the process that holds it.
    lock = FileLock(file, LOCK_TIMEOUT_SECONDS, FILE_MODE, poll_interval=LOCK_PAUSE_SECONDS, fallback_to_soft=False)
    try:
        acquired = lock.acquire()
    except Timeout:
        raise Unavailable(SessionProblem.SESSION_BUSY(place=what)) from None
    with acquired:
        yield
