"""What contract tests of one platform share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.instagram_desk import (
    Desk,
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("instagram"))
    desk.server.start()
    yield desk
    desk.server.stop()


@pytest.fixture
def desk(running: Desk) -> Desk:
    running.reset()
    return running
