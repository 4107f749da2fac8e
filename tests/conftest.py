"""What tests of every reach share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publisher.clock import FixedClock
from publisher.db.models import Base
from publisher.db.session import Database
from publisher.db.upgrade import prepare_database
from publisher.logs import configure_logs
from publisher.proving.postgres import ThrowawayPostgres
from publisher.sandbox.stage import Stage
from tests.outlet import PLATFORMS, Outlet, environment


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock(now: datetime) -> FixedClock:
    return FixedClock(now)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database in a file of its own."""
    opened = Database.open(f"sqlite:///{tmp_path / 'queue.db'}")
    Base.metadata.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[ThrowawayPostgres]:
    """A PostgreSQL server of this process's own."""
    with ThrowawayPostgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: ThrowawayPostgres, tmp_path: Path, now: datetime) -> str:
    """An outlet's empty database on PostgreSQL."""
    url = postgres.create_database()
    prepare_database(url, backups=tmp_path / "backups", now=now)
    return url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[Database]:
    opened = Database.open(postgres_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The sandbox platforms, started once for all tests of this process."""
    running = Stage(tmp_path_factory.mktemp("stage") / "ca.pem")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def instagram_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one log-in of this process is kept."""
    return tmp_path_factory.mktemp("sessions") / "instagram.json"


@pytest.fixture(scope="session")
def shared_media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Originals and renditions of all outlets of this process: equal pictures are made once."""
    return tmp_path_factory.mktemp("media")


OpenOutlet = Callable[..., Outlet]


@pytest.fixture
def open_outlet(tmp_path: Path, stage: Stage, shared_media: Path, instagram_session: Path) -> Iterator[OpenOutlet]:
    """Opens an empty outlet with channels on the named platforms of an empty stage."""
    stage.ledger.clear()
    stage.ledger.shift(timedelta(0))
    stage.faults.clear()
    with ExitStack() as stack:

        def open_one(*platforms: str, channel_settings: str = "") -> Outlet:
            made = Outlet(tmp_path / "outlet", stage, platforms, shared_media, channel_settings)
            stack.enter_context(environment(made.environment()))
            if "instagram" in platforms:
                made.connect_instagram(instagram_session)
            stack.callback(made.close)
            return made

        yield open_one


@pytest.fixture
def outlet(open_outlet: OpenOutlet) -> Outlet:
    """An empty outlet with a channel on each platform."""
    return open_outlet(*PLATFORMS)


@pytest.fixture(autouse=True, scope="session")
def quiet_logs() -> None:
    """Log lines as an operator has them, where pytest shows them only for a failed test."""
    configure_logs(stream=sys.stderr, json=True)
