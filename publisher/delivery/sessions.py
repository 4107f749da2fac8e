"""Stores sessions in the database, for workers on any machine."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from publisher.core.clock import Clock
from publisher.core.encryption import SecretCipher, WrongKey
from publisher.core.logs import get_logger
from publisher.db.operations import ChannelSession
from publisher.db.session import Database
from publisher.delivery.problem_codes import ChannelProblem
from publisher.platforms.errors import CredentialsRefused, Unavailable
from publisher.platforms.session_files import LOCK_TIMEOUT_SECONDS, file_lock

LOCK_CLASS = 0x7475726E  # "turn": any number, the same in every process
MAX_LOCK_SECONDS = 180
"""A machine that is frozen loses its lock after so long."""
LOCK_NOT_AVAILABLE = "55P03"


class DatabaseSession:
    """Stores one channel's session, encrypted, in the database that all machines share."""

    def __init__(self, channel: str, database: Database, seal: SecretCipher, clock: Clock) -> None:
        self._channel = channel
        self._database = database
        self._seal = seal
        self._clock = clock

    @property
    def place(self) -> str:
        return f"the session of {self._channel} in the database"

    @property
    def _purpose(self) -> str:
        return f"session of {self._channel}"

    def load(self) -> dict[str, Any]:
        with _database_errors(self._channel), self._database.reading() as session:
            sealed = session.scalar(select(ChannelSession.content).where(ChannelSession.channel_name == self._channel))
        if sealed is None:
            return {}
        try:
            loaded = json.loads(self._seal.decrypt(sealed, self._purpose))
        except WrongKey as error:
            raise CredentialsRefused(ChannelProblem.SECRET_UNUSABLE(why=error.text)) from error
        return loaded if isinstance(loaded, dict) else {}

    def save(self, session: Mapping[str, Any]) -> None:
        content = self._seal.encrypt(json.dumps(dict(session)), self._purpose)
        row = {"channel_name": self._channel, "content": content, "updated_at": self._clock.now()}
        # Of the dialect that is in use: PostgreSQL's is a large one to import beside SQLite's.
        insert = importlib.import_module(f"sqlalchemy.dialects.{self._database.engine.dialect.name}").insert
        with _database_errors(self._channel), self._database.writing() as writing:
            writing.execute(
                insert(ChannelSession).values(row).on_conflict_do_update(index_elements=["channel_name"], set_=row)
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Locks a file on SQLite, which is one machine's: its transactions must never wait for a network."""
        if self._is_sqlite:
            file = Path(str(self._database.engine.url.database))
            lock = file_lock(file.with_name(f"{file.name}-{self._channel}.lock"), self.place)
        else:
            lock = _advisory_lock(self._database.engine, self._channel)
        with lock:
            yield

    @property
    def _is_sqlite(self) -> bool:
        return self._database.engine.dialect.name == "sqlite"


@contextmanager
def _advisory_lock(engine: Engine, channel: str) -> Iterator[None]:
    """Holds an advisory lock of PostgreSQL, which ends with its transaction, however that ends.

    It locks no row, so that nobody else's work waits, and what is stored inside is durable at once. Its
    connection comes from no pool: many who wait must not keep the one inside from storing.
    """
    apart = create_engine(engine.url, poolclass=NullPool)
    with _database_errors(channel):
        connection = apart.connect()
    try:
        with _database_errors(channel):
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS:.0f}s'"))
            connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{MAX_LOCK_SECONDS}s'"))
            connection.execute(select(func.pg_advisory_xact_lock(LOCK_CLASS, func.hashtext(channel))))
        yield
    finally:
        _end_lock(connection, channel)


def _end_lock(connection: Connection, channel: str) -> None:
    """Ends the lock's transaction. If its connection was lost, the lock is over; what was done stands."""
    try:
        connection.rollback()
    except DBAPIError as error:
        get_logger("delivery").warning("lost the lock of a session", channel=channel, why=str(error.orig))
    connection.close()


@contextmanager
def _database_errors(channel: str) -> Iterator[None]:
    """Turns a failing database into a platform's error: nothing was published."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable(ChannelProblem.NO_FREE_CONNECTION(channel=channel)) from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise Unavailable(ChannelProblem.SESSION_IN_USE(channel=channel)) from error
        raise Unavailable(ChannelProblem.DATABASE_SILENT(channel=channel)) from error
