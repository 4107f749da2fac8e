"""Makes the database fit this version of the program: creates it, backs up and migrates it, or refuses it.

It happens in one transaction that holds the write lock from the check to the last migration, so
that of several processes that start at once one does the work and the others find it done.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from publisher.core.clock import monotonic, sleep
from publisher.core.extras import Extra, require_extra
from publisher.core.messages import Message, _
from publisher.core.private_files import make_private_file
from publisher.db import engine_tables, revisions, session
from publisher.db.base import Base
from publisher.db.errors import RESTORE_HINT, DatabaseError
from publisher.db.history import History
from publisher.db.revisions import is_up_to_date, read_revisions, refuse_other_tables
from publisher.db.session import create_database_engine
from publisher.db.sqlite_backup import back_up

__all__ = ["DatabaseError", "UpgradeReport", "migrate", "prepare_database"]

if TYPE_CHECKING:
    from alembic.config import Config

ADVISORY_LOCK = 0x7075626C6973  # "publis": any number, the same in every process


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeReport:
    """Holds what was done. `before` is None for a new database; `backup` None where none was made."""

    before: str | None
    after: str
    backup: Path | None = None

    @property
    def created(self) -> bool:
        return self.before is None

    @property
    def upgraded(self) -> bool:
        return self.before not in (None, self.after)

    @property
    def sentence(self) -> Message:
        """Returns what was done, for a person."""
        if self.before is None:
            return _("The database was created (revision {revision}).", revision=self.after)
        if not self.upgraded:
            return _("The database is up to date (revision {revision}).", revision=self.after)
        if self.backup is None:
            return _(
                "The database was upgraded from revision {before} to {after}; no backup was made, because that is left "
                "to the tools of PostgreSQL.",
                before=self.before,
                after=self.after,
            )
        return _(
            "The database was upgraded from revision {before} to {after}; as it was before, it is kept in {backup}.",
            before=self.before,
            after=self.after,
            backup=self.backup,
        )


def prepare_database(url: str, *, backups: Path, now: datetime, history: History | None = None) -> UpgradeReport:
    """Creates the database, or upgrades it to this version's revision, and reports what was done.

    An older SQLite file is first copied into the folder `backups`, as
    `NAME-YYYYMMDDTHHMMSSZ-REVISION.db` with mode 0600, and the copy is checked. PostgreSQL is
    migrated without a copy. When anything fails, the database is as it was before.

    `history`: what the desk last knew of this database, which is compared with it first.

    Raises:
        UnknownHistory: it is not the database that the desk last knew; nothing was changed.
        DatabaseError: it was written by a newer version, belongs to another program, is
            damaged, in use, read-only or out of space; nothing was changed.
    """
    file = _sqlite_file(url)
    if make_url(url).get_backend_name() == "postgresql":
        require_extra(Extra.POSTGRESQL)
    with _plain_errors(_label(url, file)):
        if file is not None and not file.parent.is_dir():
            raise DatabaseError(
                _("the folder {folder} of the database is not there; make it or mend its path", folder=file.parent)
            )
        if file is not None and file.exists():
            _refuse_other_database(file)
        if history is not None:
            history.examine()
        engine = create_database_engine(url)
        if file is not None:
            # SQLite gives the files beside it, with the changes, the permissions of this one.
            make_private_file(file)
            _switch_to_wal(file)
            event.listen(engine, "connect", _keep_rows_while_tables_are_copied)
        try:
            return _up_to_date_report(engine) or _upgrade(engine, file, backups, now)
        finally:
            engine.dispose()


def _up_to_date_report(engine: Engine) -> UpgradeReport | None:
    """Returns a report when nothing is to be done; finds out by reading only, so that nobody waits."""
    with engine.execution_options(reading=True).connect() as connection:
        before, after = read_revisions(connection)
        done = is_up_to_date(connection, before, after)
    return UpgradeReport(before=before, after=after) if done else None


def _upgrade(engine: Engine, file: Path | None, backups: Path, now: datetime) -> UpgradeReport:
    with engine.begin() as connection:
        if file is None:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
        before, after = read_revisions(connection)
        if is_up_to_date(connection, before, after):
            return UpgradeReport(before=before, after=after)
        backup = None
        if file is not None and before is not None:
            # The lock is held: the copy is exactly what the migration starts from.
            backup = _checked_backup(file, backups, revision=before, now=now)
        migrate(connection)
        refuse_other_tables(connection, after)
        if file is not None and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
            raise DatabaseError(
                _(
                    "the migration of {file} would leave rows of {table} without what they belong to",
                    file=file,
                    table=broken[0],
                )
            )
    return UpgradeReport(before=before, after=after, backup=backup)


def migrate(connection: Connection) -> None:
    """Upgrades the tables, and the engine's, to this version's revision, in the connection's transaction."""
    from alembic import command  # noqa: PLC0415

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    engine_tables.apply_missing(connection)


def _checked_backup(file: Path, backups: Path, *, revision: str, now: datetime) -> Path:
    try:
        return back_up(file, backups, revision=revision, now=now)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(
            _(
                "{file} needs an upgrade, but the backup before it can't be written to "
                "{backups}: {error}; make room or mend storage.backups",
                file=file,
                backups=backups,
                error=error,
            )
        ) from error


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(revisions.MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _label(url: str, file: Path | None) -> str:
    return str(file) if file is not None else make_url(url).render_as_string(hide_password=True)


def _sqlite_file(url: str) -> Path | None:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if parsed.database in (None, "", ":memory:"):
        raise DatabaseError(_("a database in memory would be forgotten; name a file, such as sqlite:///queue.db"))
    return Path(str(parsed.database)).absolute()


def _refuse_other_database(file: Path) -> None:
    """Refuses a file that is no desk's before anything is changed: opening it as ours switches it to WAL."""
    timeout = session.BUSY_TIMEOUT_MS / 1000
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=timeout)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        tables = {name for (name,) in rows}
    if tables and not tables & set(Base.metadata.tables):
        raise DatabaseError(_("{file} belongs to another program; choose another database", file=file))


def _switch_to_wal(file: Path) -> None:
    """Waits for the switch as for any lock. By itself, SQLite fails at once when two switch a new file together."""
    give_up = monotonic() + session.BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > give_up:
                raise
            sleep(0.02)


def _keep_rows_while_tables_are_copied(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    # A migration that copies a table drops the old one, and that would delete the rows that belong to it.
    connection.execute("PRAGMA foreign_keys=OFF")


@contextmanager
def _plain_errors(label: str) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseError(_sentence(label, cause)) from error
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise DatabaseError(
            _("{database} can't be reached without a driver: {error}; install it", database=label, error=error)
        ) from error


def _sentence(label: str, cause: BaseException | None) -> Message:
    # The low byte is the kind of a SQLite error; the rest says in which corner it arose.
    match getattr(cause, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return _("{database} is no SQLite database; move that file away or choose another database", database=label)
        case sqlite3.SQLITE_CORRUPT:
            return _("{database} is damaged ({reason}); {remedy}", database=label, reason=cause, remedy=RESTORE_HINT)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return _(
                "{database} is in use by another program that does not let go of it; stop that one, then try again",
                database=label,
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return _("{database} is read-only for this user; allow writing to it and to its folder", database=label)
        case sqlite3.SQLITE_FULL:
            return _("there is no space left for {database}; make room, then try again", database=label)
        case sqlite3.SQLITE_CANTOPEN:
            return _(
                "{database} can't be opened; make it and its folder readable and writable for this user", database=label
            )
    first_line = str(cause).strip().partition("\n")[0] or _("no reason given")
    return _("{database} can't be used: {reason}", database=label, reason=first_line)
