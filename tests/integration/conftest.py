"""Provides what many integration tests begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.desk import Desk
from publisher.media import FolderStore
from tests.conftest import WriteDesk


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Makes an empty folder of originals and renditions."""
    return FolderStore(tmp_path / "media")


@pytest.fixture
def desk(tmp_path: Path, write_desk: WriteDesk) -> Iterator[Desk]:
    """Opens a desk as `publisher init` writes it."""
    opened = Desk(write_desk(tmp_path / "desk"))
    yield opened
    opened.database.close()
