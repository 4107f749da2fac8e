"""Reads and writes the small file beside a database in which a desk stores the newest event that it knew.

Beside it stand the deliveries that were sent, canceled or recorded by hand last, as many as there is
room for: a backup that does not know of that can't post them again unasked.

It holds two records, each a line of JSON with a checksum, written in turn and flushed before the
call returns. A write that a power failure cuts short spoils one of them and leaves the other. The
file never grows after it was made, so that a full disk does not keep it from being written.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from publisher.core.clock import monotonic, sleep
from publisher.core.disk_files import flush_to_disk
from publisher.core.messages import _
from publisher.db.errors import DatabaseError

RECORD_BYTES = 512
RECORDS = 2
MAX_DELIVERIES = 40
"""Fewer where their numbers are long: a record has one size."""
_COMPACT, _SORTED = json.JSONEncoder(separators=(",", ":")), json.JSONEncoder(sort_keys=True)
LOCK_TIMEOUT_SECONDS = 10.0
"""Longer than any disk takes to store two lines. Only a process that was halted in the middle keeps the file longer."""
LOCK_PAUSE_SECONDS = 0.002
_flush = getattr(os, "fdatasync", os.fsync)
"""The size does not change, so that the times of the file needn't be flushed as well."""


class HistoryNotWritten(DatabaseError):
    """Says that this machine can't read or write the file; the message is a clause for a person."""

    code = "history-file-unusable"


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """Holds the newest event of a database's history that a desk knew. `id` 0: there was none yet."""

    id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class HistoryRecord:
    """Holds what the file contains."""

    event: KnownEvent
    changed: tuple[int, ...] = ()
    """Deliveries that were sent, canceled or recorded by hand, the newest last."""
    moved_from: str = ""
    """The file of the database that this one was copied from, while no desk has worked with the copy yet."""
    moved_to: str = ""
    """The file of the database that the desk works with since. Nothing is sent by the database of this file then."""
    may_settle: bool = False
    """A person decided that the desk works with this database, wherever it lay before."""


class HistoryFile:
    """Reads and writes the newest known event. Any number of processes may use one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> KnownEvent | None:
        """Returns the newest known event; None when there is no file.

        Raises:
            DatabaseError: the file can't be read, or both of its records are spoilt.
        """
        if not self.path.exists():
            return None
        with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as handle:
            return self._newest(handle)[1].event

    def read_moves(self) -> tuple[Path | None, Path | None]:
        """Returns the files that the desk's database was moved from and to; None each where it was not. As `read`."""
        if not self.path.exists():
            return None, None
        with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as handle:
            record = self._newest(handle)[1]
        return _path(record.moved_from), _path(record.moved_to)

    def known_moves(self) -> tuple[Path, ...]:
        """Returns the files that the desk's database was moved from or to; none where no record can be read."""
        if not self.path.exists():
            return ()
        with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as handle:
            records = [record for _, record in self._readable(handle)]
        return tuple({Path(name): None for record in records for name in (record.moved_from, record.moved_to) if name})

    def changed_deliveries(self) -> frozenset[int]:
        """Returns the deliveries that were sent, canceled or recorded last; none where no record can be read."""
        if not self.path.exists():
            return frozenset()
        with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as handle:
            return frozenset(number for _, record in self._readable(handle) for number in record.changed)

    def raise_to(self, event: KnownEvent, changed: Collection[int] = (), *, besides: Collection[int] = ()) -> None:
        """Stores `event`, unless a newer one is stored already, and that these deliveries changed. Durably.

        `besides`: further ones, which are only written if something is.

        Raises:
            DatabaseError: it can't be written.
        """
        self._write(lambda record: _raised(record, event, changed, besides), heal=False)

    def require_writable(self) -> None:
        """Raises HistoryNotWritten where the file can't be written: what it holds is written once more."""
        self._write(lambda record: record, heal=False, again=True)

    def replace(self, event: KnownEvent) -> None:
        """Stores `event`, durably, whatever was stored before; a spoilt file is made whole again.

        A person decided that the desk works with this database: it may settle where it lies.
        """
        self._write(lambda record: HistoryRecord(event, record.changed if record else (), may_settle=True), heal=True)

    def note_copy(self, event: KnownEvent, source: Path) -> None:
        """Records that the database was copied from the one of the file `source`, up to `event`."""
        self._write(lambda _record: HistoryRecord(event, moved_from=str(source), may_settle=True), heal=True)

    def note_move(self, target: Path) -> None:
        """Records that the desk works with the database of the file `target` from now on."""
        self._write(lambda record: replace(record, moved_from="", moved_to=str(target)) if record else None, heal=False)

    def settle_move(self) -> None:
        """Records that the desk works with the database of this file."""
        self._write(lambda record: replace(record, moved_from="", moved_to="") if record else None, heal=False)

    def may_settle(self) -> bool:
        """Returns whether a person decided that the desk works with this database, wherever it lay before."""
        if not self.path.exists():
            return False
        with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as handle:
            return self._newest(handle)[1].may_settle

    def note_settled(self) -> None:
        """Records that the desk has settled where its database lies."""
        self._write(lambda record: replace(record, may_settle=False) if record else None, heal=False)

    def forget_deliveries(self) -> None:
        """Forgets what was known of deliveries: a restored database has taken it up."""
        self._write(
            lambda record: HistoryRecord(record.event, may_settle=record.may_settle) if record else None, heal=True
        )

    def _write(
        self,
        change: Callable[[HistoryRecord | None], HistoryRecord | None],
        *,
        heal: bool,
        again: bool = False,
    ) -> None:
        """Writes what `change` makes of the stored record, unless that is None; an equal record only with `again`."""
        made = not self.path.exists()
        with self._locked(os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as handle:
            if os.fstat(handle).st_size == 0:
                turn, kept = 0, None
            elif heal:
                turn, kept = max(self._readable(handle), key=_turn_of, default=(0, None))
            else:
                turn, kept = self._newest(handle)
            record = change(kept)
            if record is None or (record == kept and not again):
                return
            turn += 1
            if os.fstat(handle).st_size < RECORDS * RECORD_BYTES:
                os.pwrite(handle, b"\n".rjust(RECORD_BYTES) * RECORDS, 0)
            os.pwrite(handle, _line(turn, record), turn % RECORDS * RECORD_BYTES)
            _flush(handle)
        if made:
            flush_to_disk(self.path.parent)

    def _readable(self, handle: int) -> list[tuple[int, HistoryRecord]]:
        lines = (os.pread(handle, RECORD_BYTES, number * RECORD_BYTES) for number in range(RECORDS))
        return [record for line in lines if (record := _parse(line)) is not None]

    def _newest(self, handle: int) -> tuple[int, HistoryRecord]:
        records = self._readable(handle)
        if not records:
            raise DatabaseError(
                _(
                    "{path}, in which the desk keeps what it last knew of its database, is damaged: "
                    "bring a backup back with publisher restore FILE, or, if the database is the "
                    "newest there is, run publisher restore --accept-this-database",
                    path=self.path,
                )
            )
        return max(records, key=_turn_of)

    @contextmanager
    def _locked(self, flags: int, lock: int) -> Iterator[int]:
        try:
            handle = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
            try:
                self._wait_for_lock(handle, lock)
                yield handle
            finally:
                os.close(handle)
        except OSError as error:
            raise HistoryNotWritten(
                _(
                    "{path}, in which the desk keeps what it last knew of its database, can't "
                    "be used: {reason}; allow this user to read and write it",
                    path=self.path,
                    reason=error.strerror or error,
                )
            ) from error

    def _wait_for_lock(self, handle: int, lock: int) -> None:
        """Waits for the other processes of the desk, but not for one that does not go on."""
        give_up = monotonic() + LOCK_TIMEOUT_SECONDS
        while True:
            try:
                fcntl.flock(handle, lock | fcntl.LOCK_NB)
            except BlockingIOError:
                if monotonic() >= give_up:
                    raise HistoryNotWritten(
                        _(
                            "{path}, in which the desk keeps what it last knew of its database, is held by a process "
                            "of this desk that has not gone on for {seconds} seconds; end that process",
                            path=self.path,
                            seconds=round(LOCK_TIMEOUT_SECONDS),
                        )
                    ) from None
                sleep(LOCK_PAUSE_SECONDS)
            else:
                return


def _path(name: str) -> Path | None:
    return Path(name) if name else None


def _turn_of(numbered: tuple[int, object]) -> int:
    return numbered[0]


def _raised(
    record: HistoryRecord | None, event: KnownEvent, changed: Collection[int], besides: Collection[int]
) -> HistoryRecord:
    deliveries = record.changed if record else ()
    if record and record.moved_to:
        raise HistoryNotWritten(
            _(
                "the desk was moved, and works with the database of {moved_to} by "
                "now; stop the desk that works with the former one",
                moved_to=record.moved_to,
            )
        )
    newest = record.event if record and record.event.id >= event.id else event
    if record and record.event == newest and set(changed).issubset(deliveries):
        return record
    now = dict.fromkeys([*besides, *changed])
    newly = tuple([*(number for number in deliveries if number not in now), *now])[-MAX_DELIVERIES:]
    return HistoryRecord(
        newest,
        newly,
        moved_from=record.moved_from if record else "",
        may_settle=record.may_settle if record else False,
    )


def _line(turn: int, record: HistoryRecord) -> bytes:
    """Formats one record. The oldest deliveries are left out where there is no room for all."""
    for first in range(len(record.changed) + 1):
        fields: dict[str, object] = {"turn": turn, "event": record.event.id, "at": record.event.at.isoformat()}
        if changed := record.changed[first:]:
            fields["changed"] = list(changed)
        fields |= {name: value for name in ("moved_from", "moved_to", "may_settle") if (value := getattr(record, name))}
        line = _COMPACT.encode({**fields, "check": _checksum(fields)}).encode()
        if len(line) < RECORD_BYTES:
            break
    else:
        raise HistoryNotWritten(_("the path of the desk's folder is too long to be kept; move it to a shorter one"))
    return line.ljust(RECORD_BYTES - 1) + b"\n"


@lru_cache(RECORDS)
def _parse(line: bytes) -> tuple[int, HistoryRecord] | None:
    """Parses one record; returns None when it is empty or spoilt."""
    try:
        fields = json.loads(line)
        check = fields.pop("check")
        event = KnownEvent(int(fields["event"]), datetime.fromisoformat(fields["at"]))
        turn, changed = int(fields["turn"]), tuple(int(number) for number in fields.get("changed", ()))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    sound = check == _checksum(fields) and event.at.tzinfo is not None
    moves = {name: str(fields.get(name, "")) for name in ("moved_from", "moved_to")}
    may_settle = fields.get("may_settle") is True
    return (turn, HistoryRecord(event, changed, **moves, may_settle=may_settle)) if sound else None


def _checksum(fields: dict[str, object]) -> str:
    return hashlib.sha256(_SORTED.encode(fields).encode()).hexdigest()[:16]
