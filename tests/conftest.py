"""What tests of every reach share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.outlet import Outlet, environment

from publisher.clock import FixedClock
from publisher.db.models import Base
from publisher.db.session import Database
from publisher.sandbox.stage import Stage


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


@pytest.fixture
def outlet(tmp_path: Path, stage: Stage, instagram_session: Path) -> Iterator[Outlet]:
    """An empty outlet with a channel on each platform of an empty stage."""
    stage.ledger.clear()
    stage.ledger.shift(timedelta(0))
    stage.faults.clear()
    made = Outlet(tmp_path / "outlet", stage)
    with environment(made.environment()):
        made.connect_instagram(instagram_session)
        yield made
        made.close()
