"""Provides the fixtures that tests of every kind share."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings

from publisher.adapt.images.rendering import Renderer
from publisher.core.clock import FixedClock
from publisher.core.logs import configure_logs
from publisher.core.messages import ENGLISH_READER, reading_as
from publisher.db import session
from publisher.db.session import Database
from publisher.db.upgrade import prepare_database
from publisher.health import check_ready, render_metrics
from publisher.proving.postgres import ThrowawayPostgres
from publisher.sandbox.servers import SandboxServers
from publisher.staff import passwords
from publisher.starter import write_starter
from tests import slow_first
from tests.killed_workers import KilledWorkers
from tests.outlet import PLATFORMS, Outlet, set_environment
from tests.queue_desk import InstantRenderer
from tests.s3_server import KEYS, S3Server
from tests.shared_statements import SharedStatements
from tests.waiting import TIMEOUT

settings.register_profile(
    "steady", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
# The same examples in each run, however slow the machine is: `--hypothesis-profile default` looks for new ones.
settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with the slowest tests."""
    items[:] = slow_first.order(items, slow_first.workers())


def pytest_collection_finish() -> None:
    """Spares the garbage collector what stays until the end: the thousands of collected tests and their modules."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def environment_as_before() -> Iterator[None]:
    """Fails a test that leaves a change in the environment, where it would fail another test."""
    before = dict(os.environ)
    yield
    after = dict(os.environ)
    for name in after.keys() - before.keys():
        del os.environ[name]
    for name, value in before.items():
        if after.get(name) != value:
            os.environ[name] = value
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= {"PYTEST_CURRENT_TEST"}


@pytest.fixture(autouse=True)
def reader_as_before() -> Iterator[None]:
    """Takes back what a command that ran in this process has set: for whom texts are rendered."""
    with reading_as(ENGLISH_READER):
        yield


@pytest.fixture(autouse=True, scope="session")
def long_probe_timeouts() -> Iterator[None]:
    """Raises the time limits of health checks: a database on a busy machine is slow, but does not hang."""
    with pytest.MonkeyPatch.context() as patch:
        for probe in (check_ready, render_metrics):
            patch.setattr(probe, "__kwdefaults__", {"timeout": TIMEOUT})
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Hashes passwords at the least cost, where a test has people: a true hash takes a tenth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(passwords, "_DUMMY_HASH", passwords._make_dummy_hash())
        yield


@pytest.fixture(autouse=True, scope="session")
def shared_statements() -> Iterator[None]:
    """Compiles each SQL statement once for all the databases of this process: a third of a short test's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_engine", SharedStatements().create_engine)
        yield


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock(now: datetime) -> FixedClock:
    return FixedClock(now)


on_every_database = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Database:
    """Opens an empty database: a SQLite file, unless the test asks for PostgreSQL."""
    kind = getattr(request, "param", "sqlite")
    database: Database = request.getfixturevalue("sqlite_database" if kind == "sqlite" else "postgres_database")
    return database


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Creates an outlet's empty database in a file, to be copied: to create one takes a third of a second."""
    folder = tmp_path_factory.mktemp("template")
    file = folder / "queue.db"
    prepare_database(f"sqlite:///{file}", backups=folder, now=datetime(2026, 5, 4, tzinfo=UTC))
    return file


WriteDesk = Callable[[Path], Path]


@pytest.fixture(scope="session")
def write_desk(sqlite_template: Path) -> WriteDesk:
    """Writes what `publisher init` does, with a copied database; returns the configuration's path."""

    def write(folder: Path) -> Path:
        write_starter(folder)
        shutil.copy(sqlite_template, folder / "queue.db")
        return folder / "config" / "publisher.toml"

    return write


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """Opens an empty database in a file of its own."""
    opened = Database.open(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'queue.db')}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[ThrowawayPostgres]:
    """Starts a PostgreSQL server for this process."""
    with ThrowawayPostgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: ThrowawayPostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Creates an outlet's empty database on PostgreSQL, to be copied."""
    url = postgres.create_database()
    prepare_database(url, backups=tmp_path_factory.getbasetemp(), now=datetime(2026, 5, 4, tzinfo=UTC))
    return url


@pytest.fixture
def postgres_url(postgres: ThrowawayPostgres, postgres_template: str) -> str:
    """Creates an outlet's empty database on PostgreSQL, and returns its URL."""
    return postgres.create_database(like=postgres_template)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[Database]:
    opened = Database.open(postgres_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Starts S3-compatible storage, once for all tests of this process."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Returns the S3-compatible storage, with its keys in the environment."""
    set_environment(monkeypatch, KEYS)
    return s3_server


@pytest.fixture(scope="session")
def sandbox_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServers]:
    """Starts the sandbox platforms, once for all tests of this process."""
    running = SandboxServers(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def killed_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KilledWorkers]:
    """Starts workers that are killed at a milestone."""
    opened = KilledWorkers(tmp_path_factory.mktemp("killed_workers") / "errors")
    yield opened
    opened.end()


@pytest.fixture(scope="session")
def saved_sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder with this process's log-ins, one on each platform that needs it."""
    return tmp_path_factory.mktemp("sessions")


@pytest.fixture(scope="session")
def shared_media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder with originals and renditions of all outlets: equal pictures are rendered once."""
    return tmp_path_factory.mktemp("media")


OpenOutlet = Callable[..., Outlet]


@pytest.fixture
def open_outlet(
    tmp_path: Path,
    sandbox_servers: SandboxServers,
    shared_media: Path,
    saved_sessions: Path,
    sqlite_template: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[OpenOutlet]:
    """Opens an empty outlet with channels on the named platforms of an empty sandbox."""
    sandbox_servers.reset()
    with ExitStack() as stack:

        def open_one(*platforms: str, channel_settings: str = "", media: str = "") -> Outlet:
            made = Outlet(tmp_path / "outlet", sandbox_servers, platforms, media or str(shared_media), channel_settings)
            shutil.copy(sqlite_template, made.folder / "queue.db")
            set_environment(monkeypatch, made.environment())
            made.connect(saved_sessions)
            stack.callback(made.close)
            return made

        yield open_one


@pytest.fixture
def outlet(open_outlet: OpenOutlet) -> Outlet:
    """Opens an empty outlet with a channel on each platform."""
    return open_outlet(*PLATFORMS)


@pytest.fixture(autouse=True, scope="session")
def quiet_logs() -> None:
    """Configures the logs as an operator has them; pytest shows them only for a failed test."""
    configure_logs(stream=sys.stderr, json=True)


@pytest.fixture
def instant_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets approvals take every picture as made: the test's posts have pictures without files."""
    monkeypatch.setattr(Renderer, "render", InstantRenderer().render)
