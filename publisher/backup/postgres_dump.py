"""Dumps and loads a PostgreSQL database by PostgreSQL's own tools."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.engine import make_url

from publisher.backup.database_urls import database_label
from publisher.backup.files import BackupError
from publisher.backup.locking import open_transaction, revision_in
from publisher.core.messages import _
from publisher.db.models import Media

PLACES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
"""Where systems put the programs of several versions side by side: patterns below the root."""
LEFT_OUT = ("procrastinate_*", "alembic_version")
"""Tables whose rows stay behind: a waiting job must not run on another desk, and tables without a
revision are nobody's until they were made safe."""
LOCK_WAIT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Holds what a database contained at one moment, besides the dump of it."""

    revision: str
    schema: str
    """In which the desk's tables lie."""
    originals: tuple[tuple[str, str], ...]
    """SHA-256 and file name of each."""


def dump(url: str, target: Path) -> Snapshot:
    """Writes the desk's tables into a new file for `load`, as of one moment. The desk may be running.

    Raises:
        BackupError: there is no fitting pg_dump, or it failed.
    """
    with open_transaction(url) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        program = find_program("pg_dump", _major(connection))
        moment = connection.scalar(text("SELECT pg_export_snapshot()"))
        snapshot = Snapshot(revision_in(connection), schema_of(connection), _originals(connection))
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _run(
            program,
            url,
            f"--snapshot={moment}",
            f"--schema={snapshot.schema}",
            *(f"--exclude-table-data={pattern}" for pattern in LEFT_OUT),
            f"--lock-wait-timeout={LOCK_WAIT_SECONDS}s",
            "--format=custom",
            f"--file={target}",
        )
    return snapshot


def require_dump_program(url: str) -> None:
    """Raises BackupError when this machine has no pg_dump that fits the server."""
    with open_transaction(url) as connection:
        find_program("pg_dump", _major(connection))


def load(url: str, archive: Path, schema: str) -> None:
    """Loads what `dump` wrote into a database without tables, whole or not at all, and without its revision.

    Raises:
        BackupError: there is no fitting pg_restore, or it failed.
    """
    with open_transaction(url) as connection:
        program = find_program("pg_restore", _major(connection))
    _run(program, url, f"--schema={schema}", "--single-transaction", "--exit-on-error", str(archive))


def refuse_unfit(url: str, schema: str) -> None:
    """Raises BackupError unless the database is PostgreSQL, without tables, and would have them in this schema."""
    if make_url(url).get_backend_name() != "postgresql":
        raise BackupError(
            _(
                "the backup holds a PostgreSQL database, and {database} is none: name an empty one with "
                "--database, or in PUBLISHER__STORAGE__DATABASE",
                database=database_label(url),
            )
        )
    with open_transaction(url) as connection:
        here, tables = schema_of(connection), inspect(connection).get_table_names()
    if here != schema:
        raise BackupError(
            _(
                "{database} has its tables in the schema {here}, and the backup's are in {schema}; name "
                "another database, or set its search_path",
                database=database_label(url),
                here=here or _("(none)"),
                schema=schema,
            )
        )
    if tables:
        raise BackupError(
            _("{database} is not empty; name an empty database, such as createdb makes", database=database_label(url))
        )


def schema_of(connection: Connection) -> str:
    """Returns where tables lie that are named without a schema; empty: nowhere."""
    return str(connection.scalar(text("SELECT current_schema()")) or "")


def find_program(name: str, server: int) -> Path:
    """Returns the oldest PostgreSQL program of this name that is no older than a server of this major version.

    Newer ones may write what the server does not understand.

    Raises:
        BackupError: there is none.
    """
    programs = {version: path for path in _candidates(name) if (version := _version_of(path)) is not None}
    fitting = [version for version in programs if version >= server]
    if fitting:
        return programs[min(fitting)]
    if programs:
        raise BackupError(
            _(
                "{program} is of PostgreSQL {version}, older than the server's {server}; install the client "
                "programs of PostgreSQL {server}",
                program=name,
                version=max(programs),
                server=server,
            )
        )
    raise BackupError(
        _(
            "there is no {program} on this machine; install the client programs of PostgreSQL {server}",
            program=name,
            server=server,
        )
    )


def _candidates(name: str) -> Iterator[Path]:
    folders = [Path(folder) for folder in os.get_exec_path()]
    # The first on the path is to win among those of one version: it comes last into the table.
    for folder in (*(place for pattern in PLACES for place in Path("/").glob(pattern)), *reversed(folders)):
        if program := shutil.which(name, path=folder):
            yield Path(program)


def _version_of(program: Path) -> int | None:
    result = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    match = re.search(r"\(PostgreSQL\) (\d+)", result.stdout)
    return int(match[1]) if match else None


def _major(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000


def _originals(connection: Connection) -> tuple[tuple[str, str], ...]:
    query = select(Media.sha256, Media.file_name).order_by(Media.sha256)
    return tuple((sha256, name) for sha256, name in connection.execute(query))


def _run(program: Path, url: str, *arguments: str) -> None:
    parsed = make_url(url)
    _places, parameters = parsed.get_dialect()().create_connect_args(parsed)
    # Everybody on the machine can read a command line, and only its owner the environment.
    password = parameters.pop("password", None)
    # Imported here: a desk on SQLite never needs the ten megabytes that it takes.
    place = importlib.import_module("psycopg.conninfo").make_conninfo(**parameters)
    result = subprocess.run(  # noqa: S603 - PostgreSQL's program, and arguments of our own
        [program, "--no-owner", "--no-privileges", "--no-password", f"--dbname={place}", *arguments],
        env={**os.environ, **({"PGPASSWORD": str(password)} if password else {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode != 0:
        answer = result.stderr.strip().partition("\n")[0].strip()
        problem = answer or _("{program} failed without a reason", program=program.name)
        raise BackupError(
            _(
                "{database}: {problem:clause}; mend that, then try again",
                database=database_label(url),
                problem=problem,
            )
        )
