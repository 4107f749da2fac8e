"""The accounts that the contract suite works on: one server per platform and session, an empty account per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.account import Account
from tests.contract.channel import Wire
from tests.contract.drivers import find_drivers

DRIVERS = find_drivers().found
OpenAccount = Callable[[str], Account]


@pytest.fixture(scope="session")
def wire_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Wire]]:
    """Starts the server of a platform when it is asked for first."""
    wires: dict[str, Wire] = {}

    def wire(name: str) -> Wire:
        if name not in wires:
            wires[name] = Wire(DRIVERS[name], tmp_path_factory.mktemp(name))
            wires[name].server.start()
        return wires[name]

    yield wire
    for opened in wires.values():
        opened.server.stop()


@pytest.fixture
def open_account(tmp_path: Path, wire_of: Callable[[str], Wire]) -> Iterator[OpenAccount]:
    """Puts an empty account behind the server of a platform."""
    opened: list[Wire] = []

    def open_one(name: str) -> Account:
        wire = wire_of(name)
        opened.append(wire)
        account = DRIVERS[name](tmp_path, wire)
        wire.account = account
        account.open()
        return account

    yield open_one
    for wire in opened:
        wire.account = None


@pytest.fixture(params=sorted(DRIVERS))
def account(request: pytest.FixtureRequest, open_account: OpenAccount) -> Account:
    """An empty account of each platform in turn, or of the one that a test's parameters name."""
    return open_account(request.param)
