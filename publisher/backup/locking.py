"""Looks at a database without changing it, and locks it: nobody else writes until the transaction ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError

from publisher.backup.database_urls import database_label, sqlite_path
from publisher.backup.files import BackupError, as_backup_errors
from publisher.core.messages import Message, _, ngettext
from publisher.db.base import Base
from publisher.db.models import LEASED, Delivery
from publisher.db.operations import Process
from publisher.db.session import BUSY_TIMEOUT_MS, create_database_engine
from publisher.delivery.lease_owner import is_surely_gone

MARK = 0x636F7079  # "copy": any number, the same in every process


def has_desk_tables(url: str) -> bool:
    """Returns whether a database has any of a desk's tables. Changes nothing and creates no file."""
    file = sqlite_path(url)
    names = _names_in_file(file) if file is not None else _names_on_server(url)
    return bool(names & set(Base.metadata.tables))


def _names_in_file(file: Path) -> set[str]:
    if not file.exists():
        return set()
    with (
        as_backup_errors(_("{file} can't be read", file=file)),
        closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as opened,
    ):
        return {name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _names_on_server(url: str) -> set[str]:
    with open_transaction(url) as connection:
        return set(inspect(connection).get_table_names())


@contextmanager
def open_transaction(url: str) -> Iterator[Connection]:
    """Opens one transaction that may write: committed at the end, rolled back on an error.

    Raises:
        BackupError: the database can't be used, or refused something.
    """
    engine = create_database_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise BackupError(
            _(
                "{database} can't be used: {reason}; mend that, then try again",
                database=database_label(url),
                reason=first_line(error),
            )
        ) from error
    finally:
        engine.dispose()


@contextmanager
def locked_desk(url: str) -> Iterator[Connection]:
    """Opens a transaction on a desk's database; every other writer waits until it ends.

    Raises:
        BackupError: besides, when another writer does not finish, or it is locked already.
    """
    with open_transaction(url) as connection:
        if connection.dialect.name == "postgresql":
            _lock(connection, database_label(url))
        yield connection


def _lock(connection: Connection, name: Message | str) -> None:
    # Before the tables' locks: two of these on one database would wait for each other without an end.
    if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:mark)"), {"mark": MARK}):
        raise BackupError(
            _("{database} is being copied already, or is named twice; wait, or name another database", database=name)
        )
    connection.execute(text(f"SET LOCAL lock_timeout = {BUSY_TIMEOUT_MS}"))
    quoted = connection.dialect.identifier_preparer.format_table
    tables = ", ".join(quoted(table) for table in Base.metadata.sorted_tables)
    connection.execute(text(f"LOCK TABLE {tables} IN EXCLUSIVE MODE"))


def revision_in(connection: Connection) -> str:
    """Returns the revision of a desk's tables; empty when the database has none."""
    if "alembic_version" not in inspect(connection).get_table_names():
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def refuse_running(connection: Connection, name: Message | str, *, now: datetime, seen_within: timedelta) -> None:
    """Raises BackupError while a desk works on a database."""
    recent = select(Process.owner, Process.role).where(Process.seen_at > now - seen_within).order_by(Process.owner)
    alive = [(owner.partition(":")[0], role) for owner, role in connection.execute(recent) if not is_surely_gone(owner)]
    if alive:
        raise BackupError(
            ngettext(
                "a desk works on {database}: {processes:list}; stop it, wait {count} minute if it ran on another "
                "machine, then try again",
                "a desk works on {database}: {processes:list}; stop it, wait {count} minutes if it ran on another "
                "machine, then try again",
                count=round(seen_within.total_seconds() / 60),
                database=name,
                processes=[_("{role} on {machine}", role=role, machine=machine) for machine, role in alive],
            )
        )


def refuse_busy(connection: Connection, name: Message | str, *, now: datetime, seen_within: timedelta) -> None:
    """Raises BackupError while a desk works on a locked database, or a delivery was just being sent."""
    refuse_running(connection, name, now=now, seen_within=seen_within)
    sending = select(Delivery.id, Delivery.channel_name).where(Delivery.state.in_(LEASED)).order_by(Delivery.id)
    if deliveries := connection.execute(sending).all():
        raise BackupError(
            _(
                "{database} has deliveries that were just being sent ({deliveries:list}): start its desk once more, "
                "stop it when publisher deliveries shows none as preparing or publishing, then try again",
                database=name,
                deliveries=[
                    _("{delivery} to {channel}", delivery=number, channel=channel) for number, channel in deliveries
                ],
            )
        )


def first_line(error: DBAPIError) -> Message | str:
    """Returns what the database said, without the statement and its values."""
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else _("no reason given")
