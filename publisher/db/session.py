"""Opens engines and sessions so that a commit is on disk and a writer never deadlocks.

On SQLite: WAL, `synchronous=FULL`, a busy timeout, and `BEGIN IMMEDIATE` for every transaction
that writes. A transaction that begins by reading and then writes fails at once with "database
is locked" when somebody else wrote in between, whatever the timeout.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from publisher.core.clock import monotonic
from publisher.db.driver_statements import carry_out
from publisher.db.history import RAISES, History

BUSY_TIMEOUT_MS = 30_000
FORGOTTEN_MS = 20_000
"""PostgreSQL undoes a transaction that nobody goes on with for so long, as when its machine was lost."""
IDLE_SECONDS = 0.05
"""A connection to a server that nobody used for so long is tested before it is used again."""
IDLE_SINCE = "publisher.db.session.idle_since"
PING = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""How it is noticed that a server is gone without a word: seconds, and the last milliseconds. A URL may differ."""


def create_database_engine(url: str) -> Engine:
    """Creates an engine for a `sqlite:///...` or `postgresql+psycopg://...` URL."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        options = PING if parsed.get_driver_name() == "psycopg" else {}
        arguments = {key: value for key, value in options.items() if key not in parsed.query}
        engine = create_engine(url, isolation_level="READ COMMITTED", connect_args=arguments)
        _ping_what_lay_idle(engine)
        return engine
    engine = create_engine(url)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _ping_what_lay_idle(engine: Engine) -> None:
    """Tests a connection that lay idle before it is used, and replaces it where the server was restarted.

    SQLAlchemy's `pool_pre_ping` does that each time, which costs a delivery four more ways to the server and back. One
    that was in use a moment ago may be lost as well, as it may in the midst of a transaction: with the same effect.
    """

    def note(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info[IDLE_SINCE] = monotonic()

    def ping(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if monotonic() - record.info.get(IDLE_SINCE, monotonic()) < IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", ping)


def _configure_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _forget_what_is_left_lying(connection: DBAPIConnection, _record: Any) -> None:
    # Its locks would be held until the server misses the machine that began it, which takes hours.
    connection.cursor().execute(f"SET idle_in_transaction_session_timeout = {FORGOTTEN_MS}")
    connection.commit()


class _WriterLock:
    """Lets one thread in at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    def __enter__(self) -> None:
        if self._holder == threading.get_ident():
            raise RuntimeError("this thread is writing already; a second transaction would wait for the first for ever")
        self._lock.acquire()
        self._holder = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._holder = None
        self._lock.release()


class Database:
    """Opens sessions. Keep transactions short, and never hold one over a network call."""

    def __init__(self, engine: Engine, history: History | None = None) -> None:
        """`history`: gets every commit that asks for it by `note_intent`. None: nothing is compared."""
        self.engine = engine
        self.history = history
        self._reader = engine.execution_options(reading=True)
        self._on_sqlite = engine.dialect.name == "sqlite"
        if self._on_sqlite:
            # The same connections without the listener: with one, SQLAlchemy takes an eighth longer for a delivery.
            self._rows = self._asker = create_engine(engine.url, pool=engine.pool)
        else:
            self._rows, self._asker = engine, engine.execution_options(isolation_level="AUTOCOMMIT")
        # SQLite has one writer at a time, and lets the others sleep and look again: threads of one process take turns.
        self._turn = _WriterLock() if self._on_sqlite else nullcontext()

    @classmethod
    def open(cls, url: str, history: History | None = None) -> Database:
        engine = create_database_engine(url)
        if engine.dialect.name == "postgresql":
            event.listen(engine, "connect", _forget_what_is_left_lying)
        return cls(engine, history)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Opens one transaction that may write: committed at the end, undone whole on an error.

        Raises:
            DatabaseError: it holds an intent to publish, and the database was removed or exchanged (then
                nothing was committed), or what the desk last knew can't be written down. Nothing may be sent.
        """
        newest = None
        with self._turn, Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session
            changed = session.info.get(RAISES, ())
            if self.history is not None and changed:
                session.flush()
                newest = self.history.check(session.connection(), changed)
        # After the turn, so that others write meanwhile. A request that publishes is sent only after this.
        if self.history is not None and newest is not None:
            self.history.advance(newest, changed)

    @contextmanager
    def changing_rows(self) -> Iterator[Connection]:
        """Opens a transaction as `writing` does, without the slower ORM: for what every delivery needs."""
        newest = None
        with self._turn, self._begin() as connection:
            connection.info.pop(RAISES, None)
            yield connection
            changed = connection.info.pop(RAISES, ())
            if self.history is not None and changed:
                newest = self.history.check(connection, changed)
        if self.history is not None and newest is not None:
            self.history.advance(newest, changed)

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        """Begins a transaction that is committed at the end. What is not is undone when its connection goes back."""
        if not self._on_sqlite:
            with self._rows.begin() as connection:
                yield connection
            return
        with self._rows.connect() as connection:
            carry_out(connection, "BEGIN IMMEDIATE")
            yield connection
            carry_out(connection, "COMMIT")

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """Opens a connection for statements that only read: each of them is a transaction of its own.

        Without the ORM, and without the two ways to a server and back that beginning and ending one takes.
        """
        with self._asker.connect() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Opens one transaction that only reads, and blocks nobody."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    def require_history(self) -> None:
        """Raises HistoryNotWritten where the file beside the database can't be written."""
        if self.history is not None:
            self.history.record.require_writable()

    def close(self) -> None:
        self.engine.dispose()
