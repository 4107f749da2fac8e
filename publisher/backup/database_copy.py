"""Copies a desk's whole database into another one, of whatever kind: all or nothing, and reads it back.

Both databases are locked meanwhile, so that what is compared at the end is what the desk
goes on with, and nothing can be sent that only one of them knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Table, delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from publisher.backup.database_urls import database_label, sqlite_path
from publisher.backup.files import BackupError
from publisher.backup.fingerprint import Fingerprint, TableContent, query_content, read_in_batches
from publisher.backup.locking import (
    first_line,
    has_desk_tables,
    locked_desk,
    open_transaction,
    refuse_busy,
    revision_in,
)
from publisher.core.messages import Message, _
from publisher.db.base import Base
from publisher.db.history import History, UnknownHistory, newest_event
from publisher.db.history_file import KnownEvent
from publisher.db.models import Attempt, Delivery, Event, Pick, Post
from publisher.db.upgrade import UpgradeReport, prepare_database

WAL_HEADER = b"\x02\x02"
"""Bytes 18 and 19 of a SQLite file in WAL mode."""

HISTORY = (
    (Event.id, Event.at, Event.name, Event.delivery_id, Event.post_id, Event.actor),
    (Attempt.id, Attempt.delivery_id, Attempt.kind, Attempt.worker, Attempt.started_at),
    (Delivery.id, Delivery.token),
    (Pick.id, Pick.slot),
    (Post.id, Post.created_at),
)
"""What a desk only ever adds to, by growing ids, and what of it never changes."""


@dataclass(frozen=True, slots=True)
class TableCopy:
    """Holds one table, as both databases have it at the end."""

    name: str
    source: TableContent
    target: TableContent

    @property
    def same(self) -> bool:
        return self.source == self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """Holds the result of a copy. Where the tables differ, the target was left as it was before."""

    source: Message | str
    target: Message | str
    replaced: bool
    """The target held an earlier copy of the same desk."""
    upgrade: UpgradeReport
    """Of the source, before it was copied."""
    tables: tuple[TableCopy, ...]

    @property
    def same(self) -> bool:
        return all(table.same for table in self.tables)


class _ContentDiffers(Exception):
    """Says that what was read back is not what was written."""


def copy_database(
    source: str, target: str, *, now: datetime, seen_within: timedelta, folder: Path | None = None
) -> CopyReport:
    """Copies every table of the desk at the URL `source` into the database at the URL `target`.

    The source is brought to this version's revision first. The target is empty, or holds an
    earlier copy: it is replaced only if everything that ever happened in it is the beginning of
    what happened in the source.

    `seen_within`: a process that was heard of in this time is taken to run.
    `folder`: of the desk, in which it keeps what it knows of a database on a server. None: not known.

    A desk that works with the copy later takes the lead from the source: neither of the two is
    worked with as soon as the other one knows of more.

    Raises:
        BackupError: the source is older than what the desk last knew, a desk runs, a delivery is
            being sent, the source is a kept copy, the target is somebody else's, or a database
            can't be used. Nothing was changed.
        DatabaseError: one of them can't be prepared.
    """
    _refuse_unfit(source, target)
    _refuse_unknown_history(source, folder)
    upgrade = _prepare(source, now)
    replaced = has_desk_tables(target)
    if replaced:
        _refuse_other_revision(target, upgrade.after)
    else:
        _prepare(target, now)
    tables: list[TableCopy] = []
    # A copy that differs is undone by leaving this with an error; the report names the table.
    with suppress(_ContentDiffers), locked_desk(source) as old, locked_desk(target) as new:
        for connection, url in ((old, source), (new, target)):
            refuse_busy(connection, database_label(url), now=now, seen_within=seen_within)
        _refuse_own_history(old, new, database_label(target))
        tables += _copy_tables(old, new)
        if not all(table.same for table in tables):
            raise _ContentDiffers
        newest = newest_event(new) or KnownEvent(0, now)
        _note_copy(source, target, newest, folder)
    return CopyReport(
        source=database_label(source),
        target=database_label(target),
        replaced=replaced,
        upgrade=upgrade,
        tables=tuple(tables),
    )


def _read_history(url: str, folder: Path | None) -> History | None:
    """Returns the history that a desk keeps of a database; None where its place is not known."""
    if sqlite_path(url) is None and folder is None:
        return None
    return History(url, folder or Path())


def _refuse_unknown_history(source: str, folder: Path | None) -> None:
    history = _read_history(source, folder)
    try:
        if history is not None:
            history.examine()
    except UnknownHistory as error:
        raise BackupError(error.text) from error


def _note_copy(source: str, target: str, newest: KnownEvent, folder: Path | None) -> None:
    """Records where the copy comes from, before the copy is there: a record that comes too early does no harm."""
    former, new = _read_history(source, folder), _read_history(target, folder)
    if new is None or (former is not None and former.record.path.absolute() == new.record.path.absolute()):
        return
    if former is not None and former.record.path.exists():
        new.record.note_copy(newest, former.record.path.absolute())
    else:
        new.record.replace(newest)


def _refuse_unfit(source: str, target: str) -> None:
    file, other = sqlite_path(source), sqlite_path(target)
    if source == target or (file is not None and other is not None and file.resolve() == other.resolve()):
        raise BackupError(
            _("{database} is named twice; name another database to copy it into", database=database_label(source))
        )
    if not has_desk_tables(source):
        raise BackupError(
            _("{database} holds no desk; name the database that the desk works on", database=database_label(source))
        )
    if file is not None and not _was_opened(file):
        raise BackupError(
            _(
                "{file} is a kept copy, and what went out after it was made would go out again: name the "
                "database that the desk works on, or bring a backup back with publisher restore",
                file=file,
            )
        )


def _was_opened(file: Path) -> bool:
    """Returns whether a desk opened the file since it was made: then it is in WAL mode, as copies never are."""
    with file.open("rb") as opened:
        return opened.read(20)[18:] == WAL_HEADER


def _prepare(url: str, now: datetime) -> UpgradeReport:
    file = sqlite_path(url)
    return prepare_database(url, backups=(file or Path()).parent / "backups", now=now)


def _refuse_other_revision(target: str, expected: str) -> None:
    with open_transaction(target) as connection:
        revision = revision_in(connection)
    if revision != expected:
        raise BackupError(
            _(
                "{database} holds tables of revision {revision}, not {expected}: it is not plainly an "
                "earlier copy; empty it, or name another database",
                database=database_label(target),
                revision=revision or _("unknown"),
                expected=expected,
            )
        )


def _refuse_own_history(old: Connection, new: Connection, name: Message | str) -> None:
    """Raises BackupError unless the target's history is where the source's begins."""
    for columns in HISTORY:
        events = select(*columns)
        last = new.scalar(select(func.max(columns[0]))) or 0
        if query_content(new, events) != query_content(old, events.where(columns[0] <= last)):
            raise BackupError(
                _(
                    "{database} holds a desk with a history of its own (its table {table} has what the "
                    "source does not), and nothing of it may be lost; empty it, or name another database",
                    database=name,
                    table=columns[0].class_.__tablename__,
                )
            )


def _copy_tables(old: Connection, new: Connection) -> Iterator[TableCopy]:
    tables = Base.metadata.sorted_tables
    for table in reversed(tables):
        new.execute(delete(table))
    written = {table.name: _copy_rows(old, new, table) for table in tables}
    for table in tables:
        _continue_numbers(new, table)
        yield TableCopy(table.name, written[table.name], query_content(new, select(table)))


def _copy_rows(old: Connection, new: Connection, table: Table) -> TableContent:
    fingerprint = Fingerprint()
    names = [column.name for column in table.columns]
    for rows in read_in_batches(old, select(table)):
        fingerprint.add(rows)
        try:
            new.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
        except DBAPIError as error:
            raise BackupError(
                _(
                    "the table {table} can't be copied: {reason}; nothing was changed",
                    table=table.name,
                    reason=first_line(error),
                )
            ) from error
    return fingerprint.content


def _continue_numbers(new: Connection, table: Table) -> None:
    """Lets PostgreSQL number new rows after those that were copied. SQLite does so by itself."""
    number = table.autoincrement_column
    if number is None or new.dialect.name != "postgresql":
        return
    sequence = new.scalar(
        text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": number.name}
    )
    following = (new.scalar(select(func.max(number))) or 0) + 1
    if sequence is not None:
        # Unlike setval, this is undone with everything else.
        new.execute(text(f"ALTER SEQUENCE {sequence} RESTART WITH {following}"))
