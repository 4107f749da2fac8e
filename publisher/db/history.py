"""Keeps a desk from working with a database that is older than what the desk last knew.

A database that was put back by hand has forgotten what went out since, and would publish it
again. So a file beside it names the newest event that the desk knew of. It is raised after each
commit that matters, an intent to publish above all, and before the request that publishes: a
database that lacks the event, or has another one in its place, is not worked with.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, bindparam, create_engine, func, inspect, or_, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from publisher.core.messages import Message, _
from publisher.db.desk_place import describe_copy, former_file, is_copy, present_place, store_place, stored_place
from publisher.db.driver_statements import DriverStatement
from publisher.db.errors import DatabaseError
from publisher.db.history_file import HistoryFile, KnownEvent
from publisher.db.models import Event

APPLICATION_ID = 0x70626C73  # "pbls": any number that no other program uses
"""Of a SQLite file beside which there was such a file once."""
BUSY_SECONDS = 30
RAISES = "publisher.db.history.raises"

NEWEST = select(Event.id, Event.at).order_by(Event.id.desc()).limit(1)
_KNOWN_AND_NEWEST = DriverStatement(
    select(Event.id, Event.at).where(
        or_(Event.id == select(func.max(Event.id)).scalar_subquery(), Event.id == bindparam("known"))
    )
)


class UnknownHistory(DatabaseError):
    """Says that the database is not the one that the desk last knew; a person has to decide."""

    code = "database-history-unknown"


def note_intent(rows: Session | Connection, delivery: int) -> None:
    """Has the file beside the database raised once this transaction is on disk, before `writing` returns.

    `delivery`: the one that is sent, canceled or recorded by hand.
    """
    rows.info.setdefault(RAISES, set()).add(delivery)


class History:
    """Compares the database at a URL with what the desk last knew of it."""

    def __init__(self, url: str, folder: Path) -> None:
        """`folder`: where the file lies for a database that is no file itself."""
        parsed = make_url(url)
        self._url = url
        self.database_file = Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None
        beside = self.database_file or folder / "postgresql"
        self.record = HistoryFile(beside.with_name(f"{beside.name}.history"))
        self._known: KnownEvent | None = None
        self._place: tuple[int, int] | None = None
        self._unwritten: set[int] = set()
        """Deliveries that this process changed: the thread that writes first writes those of the others, too."""
        self._lock = threading.Lock()

    def examine(self) -> None:
        """Raises UnknownHistory unless the database is the one that the desk last knew; nothing is changed."""
        known = self.record.read()
        # Before the database: another process may settle meanwhile, first there and then in the file.
        may_settle = self.record.may_settle()
        file = self.database_file
        if file is not None and not file.exists():
            if known is not None:
                raise UnknownHistory(self._missing(known))
            return
        arguments = {"timeout": BUSY_SECONDS} if file is not None else {}
        # Not an engine of ours: that would switch the file to WAL.
        engine = create_engine(self._url, poolclass=NullPool, connect_args=arguments)
        try:
            with engine.connect() as connection:
                self._examine(connection, known, may_settle=may_settle)
        finally:
            engine.dispose()

    def begin(self, engine: Engine, now: datetime) -> None:
        """Stores the newest event of a database that was examined, and watches over its place from now on."""
        with engine.execution_options(reading=True).connect() as connection:
            newest = newest_event(connection) or KnownEvent(0, now)
            marked = self.database_file is None or _application_id(connection) == APPLICATION_ID
            place = present_place(connection, self.database_file)
            settled = place is None or stored_place(connection) == place
        self._settle_move()
        self.record.raise_to(newest)
        if not marked:
            # After the file was made: a database that has this and no file beside it was moved without it.
            with engine.begin() as connection:
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        if place is not None and not settled:
            with engine.begin() as connection:
                store_place(connection, place)
        self.record.note_settled()
        self._known = newest
        self._place = self._present_place()

    def _settle_move(self) -> None:
        """Records that the desk works with this copied database from now on, and with the other one no more."""
        source, target = self.record.read_moves()
        for path in (source, target):
            if path is not None and path.exists():
                HistoryFile(path).note_move(self.record.path.absolute())
        if source or target:
            self.record.settle_move()

    def check(self, connection: Connection, changed: Iterable[int]) -> KnownEvent | None:
        """Returns the newest event, as this transaction sees it; None when there is none.

        `changed`: the deliveries that this transaction sends, cancels or records.

        Raises:
            UnknownHistory: the database was removed or exchanged since it was opened.
        """
        self.require_place()
        known = self._known
        rows = _KNOWN_AND_NEWEST.all(connection, {"known": known.id if known else 0})
        events = [KnownEvent(row["id"], row["at"]) for row in rows]
        newest = max(events, key=lambda event: event.id, default=None)
        if known is not None and known.id and known not in events:
            raise UnknownHistory(self._older(known, newest))
        with self._lock:
            self._unwritten.update(changed)
        return newest

    def advance(self, newest: KnownEvent, changed: Collection[int]) -> None:
        """Stores an event that is on disk, and its deliveries. Returns when this is on disk too."""
        with self._lock:
            others = self._unwritten.difference(changed)
        self.record.raise_to(newest, changed, besides=others)
        with self._lock:
            self._unwritten -= others.union(changed)
        if self._known is None or self._known.id < newest.id:
            self._known = newest

    def former_records(self) -> tuple[Path, ...]:
        """Returns the file beside the database that this one is a copy of, where both lie on this machine."""
        file = self.database_file
        if file is None or not file.is_file():
            return ()
        engine = create_engine(self._url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
        try:
            with engine.connect() as connection:
                former = former_file(stored_place(connection), present_place(connection, file))
        except DBAPIError:
            # It is damaged: whoever goes on with it learns that by the error of the next step.
            return ()
        finally:
            engine.dispose()
        return () if former is None else (former.with_name(f"{former.name}.history"),)

    def is_there(self) -> bool:
        """Returns whether the file that was opened is still where it was. Always true for a server."""
        return self._place is None or self._present_place() == self._place

    def require_place(self) -> None:
        """Raises UnknownHistory when the database's file was removed or replaced since it was opened."""
        if not self.is_there():
            raise UnknownHistory(
                _(
                    "the database {file} was removed or exchanged while the desk ran, and nothing more is "
                    "published: stop the desk, then put the file back as it was, or run publisher restore FILE",
                    file=self.database_file,
                )
            )

    def _present_place(self) -> tuple[int, int] | None:
        if self.database_file is None:
            return None
        try:
            status = os.stat(self.database_file)
        except OSError:
            return 0, 0
        return status.st_dev, status.st_ino

    def _examine(self, connection: Connection, known: KnownEvent | None, *, may_settle: bool) -> None:
        if Event.__tablename__ not in inspect(connection).get_table_names():
            if known is not None:
                raise UnknownHistory(self._missing(known))
            return
        if known is None:
            self._examine_without_record(connection)
            return
        at = connection.scalar(select(Event.at).where(Event.id == known.id))
        if known.id and at != known.at:
            raise UnknownHistory(self._older(known, newest_event(connection)))
        self._examine_moves(connection)
        if not may_settle:
            self._examine_place(connection)

    def _examine_place(self, connection: Connection) -> None:
        """Raises UnknownHistory where the database is a copy that nobody decided to work with."""
        stored = stored_place(connection)
        if stored is None:
            return
        present = present_place(connection, self.database_file)
        if present is None or not is_copy(stored, present, self.database_file):
            return
        raise UnknownHistory(describe_copy(stored, present, self.database_file, command=_ACCEPT))

    def _examine_moves(self, connection: Connection) -> None:
        """Raises UnknownHistory where the desk went on with the database that this one was copied from, or to."""
        source, target = self.record.read_moves()
        if source is not None and (other := HistoryFile(source).read()) is not None:
            self._refuse_if_unknown(connection, other, self._copied(source, other))
        if target is not None:
            other = HistoryFile(target).read()
            if other is None:
                raise UnknownHistory(
                    _(
                        "the desk was moved, and {path} is not there: put that file back, or run {command}, which "
                        "looks up first what fell due",
                        path=target,
                        command=_ACCEPT,
                    )
                )
            self._refuse_if_unknown(connection, other, self._moved(target, other))

    def _refuse_if_unknown(self, connection: Connection, other: KnownEvent, text: Message) -> None:
        if other.id and connection.scalar(select(Event.at).where(Event.id == other.id)) != other.at:
            raise UnknownHistory(text)

    def _copied(self, source: Path, other: KnownEvent) -> Message:
        return _(
            "{database} is a copy, and the desk went on with the other database until {at}, as {path} knows: what it "
            "published since would go out again. Copy that database once more with publisher db copy, or run {command}",
            database=self._name(),
            at=_format_instant(other.at),
            path=source,
            command=_ACCEPT,
        )

    def _moved(self, target: Path, other: KnownEvent) -> Message:
        return _(
            "the desk was moved away from {database}, and went on elsewhere until {at}, as {path} knows: what it "
            "published since would go out again. Copy that database back with publisher db copy, or run {command}",
            database=self._name(),
            at=_format_instant(other.at),
            path=target,
            command=_ACCEPT,
        )

    def _examine_without_record(self, connection: Connection) -> None:
        file = self.database_file
        if file is None:
            self._examine_place(connection)
            return
        # A desk works in WAL mode. Copies that we make never are in it.
        if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() != "wal":
            raise UnknownHistory(
                _(
                    "{file} is a kept copy, and what went out after it was made would "
                    "go out again: run {command}, which looks it up first",
                    file=file,
                    command=_ACCEPT,
                )
            )
        if _application_id(connection) == APPLICATION_ID:
            raise UnknownHistory(
                _(
                    "{path} is not beside {file}, so it can't be told whether this is the newest "
                    "database, and what went out since would go out again: put that file back "
                    "beside it, or run {command}, which looks up first what fell due",
                    path=self.record.path.name,
                    file=file,
                    command=_ACCEPT,
                )
            )

    def _older(self, known: KnownEvent, newest: KnownEvent | None) -> Message:
        database, at = self._name(), _format_instant(known.at)
        if newest is None:
            problem = _(
                "{database} knows of nothing that happened, and this desk had gone on to {at}", database=database, at=at
            )
        elif newest.at > known.at:
            problem = _(
                "{database} is not the database that this desk knew at {at}, but another one", database=database, at=at
            )
        else:
            problem = _(
                "{database} ends at {end}, and this desk had gone on to {at}",
                database=database,
                end=_format_instant(newest.at),
                at=at,
            )
        return _(
            "{problem}: what it published since would go out again. Bring a backup back with publisher restore FILE; "
            "or, if this is the newest database there is, run {command}. Either looks up first what fell due since",
            problem=problem,
            command=_ACCEPT,
        )

    def _missing(self, known: KnownEvent) -> Message:
        at = _format_instant(known.at)
        if self.database_file is None:
            return _(
                "the PostgreSQL database is empty, and this desk had a database until {at}: bring a backup back with "
                "publisher restore FILE, or begin with an empty queue by publisher restore --begin-empty",
                at=at,
            )
        return _(
            "{file} is not there, or empty, and this desk had a database until {at}: bring a backup back with "
            "publisher restore FILE, or begin with an empty queue by publisher restore --begin-empty",
            file=self.database_file,
            at=at,
        )

    def _name(self) -> Path | Message:
        return self.database_file or _("the PostgreSQL database")


_ACCEPT = "publisher restore --accept-this-database"


def newest_event(connection: Connection) -> KnownEvent | None:
    """Returns the newest event of a desk's database; None when nothing happened yet."""
    row = connection.execute(NEWEST).first()
    return KnownEvent(row[0], row[1]) if row else None


def _application_id(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())


def _format_instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
