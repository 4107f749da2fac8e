"""One server for all tests of a module; each test has a sandbox of its own behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tumblr_desk import Desk, Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    made.http.start()
    yield made
    made.http.stop()


@pytest.fixture
def desk(tmp_path: Path, server: Server) -> Iterator[Desk]:
    server.desk = Desk(tmp_path, server.http.url)
    yield server.desk
    server.desk = None
