"""The small file beside a database in which a desk keeps the newest event that it knew of.

It holds two records, each a line of JSON with a checksum, written in turn and flushed before the
call returns. A write that a power failure cuts short spoils one of them and leaves the other. The
file never grows after it was made, so that a full disk does not keep it from being written.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from publisher.db.errors import DatabaseError

RECORD_BYTES = 512
RECORDS = 2
_flush = getattr(os, "fdatasync", os.fsync)
"""The size does not change, so that the times of the file needn't be flushed as well."""


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """The newest event of a database's history that a desk knew. `id` 0: there was none yet."""

    id: int
    at: datetime


class HistoryFile:
    """Reads and writes the newest known event. Any number of processes may use one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> KnownEvent | None:
        """Return the newest known event; None when there is no file.

        Raises:
            DatabaseError: the file can't be read, or both of its records are spoilt.
        """
        if not self.path.exists():
            return None
        with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as handle:
            return self._newest(handle)[1]

    def raise_to(self, event: KnownEvent) -> None:
        """Keep `event`, durably, unless a newer one is kept already.

        Raises:
            DatabaseError: it can't be written.
        """
        self._write(event, lower=False)

    def replace(self, event: KnownEvent) -> None:
        """Keep `event`, durably, whatever was kept before; a spoilt file is made whole again."""
        self._write(event, lower=True)

    def _write(self, event: KnownEvent, *, lower: bool) -> None:
        made = not self.path.exists()
        with self._locked(os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as handle:
            if os.fstat(handle).st_size == 0 or lower:
                turn = self._last_turn(handle) + 1
            else:
                turn, kept = self._newest(handle)
                if kept.id >= event.id:
                    return
                turn += 1
            if os.fstat(handle).st_size < RECORDS * RECORD_BYTES:
                os.pwrite(handle, b"\n".rjust(RECORD_BYTES) * RECORDS, 0)
            os.pwrite(handle, _record(turn, event), turn % RECORDS * RECORD_BYTES)
            _flush(handle)
        if made:
            _flush_folder(self.path.parent)

    def _newest(self, handle: int) -> tuple[int, KnownEvent]:
        lines = (os.pread(handle, RECORD_BYTES, number * RECORD_BYTES) for number in range(RECORDS))
        records = [record for line in lines if (record := _parse(line)) is not None]
        if not records:
            raise DatabaseError(
                f"{self.path}, in which the desk keeps what it last knew of its database, is damaged: bring a backup "
                "back with publisher restore FILE, or, if the database is the newest there is, run "
                "publisher restore --accept-this-database"
            )
        return max(records, key=lambda record: record[0])

    def _last_turn(self, handle: int) -> int:
        try:
            return self._newest(handle)[0]
        except DatabaseError:
            return 0

    @contextmanager
    def _locked(self, flags: int, lock: int) -> Iterator[int]:
        try:
            handle = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, lock)
                yield handle
            finally:
                os.close(handle)
        except OSError as error:
            raise DatabaseError(
                f"{self.path}, in which the desk keeps what it last knew of its database, can't be used: "
                f"{error.strerror or error}; allow this user to read and write it"
            ) from error


def _record(turn: int, event: KnownEvent) -> bytes:
    told = {"turn": turn, "event": event.id, "at": event.at.isoformat()}
    line = json.dumps({**told, "check": _checksum(told)}).encode()
    return line.ljust(RECORD_BYTES - 1) + b"\n"


def _parse(line: bytes) -> tuple[int, KnownEvent] | None:
    """Read one record; None when it is empty or spoilt."""
    try:
        told = json.loads(line)
        check = told.pop("check")
        event = KnownEvent(int(told["event"]), datetime.fromisoformat(told["at"]))
        turn = int(told["turn"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return (turn, event) if check == _checksum(told) and event.at.tzinfo is not None else None


def _checksum(told: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
