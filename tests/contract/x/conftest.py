"""The account that the platform's own cases work on."""

from __future__ import annotations

import pytest

from publisher.platforms.x import tokens, upload
from tests.contract.conftest import OpenAccount
from tests.contract.platforms.x import Driver


@pytest.fixture
def desk(open_account: OpenAccount) -> Driver:
    account = open_account("x")
    assert isinstance(account, Driver)
    return account


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that would have been taken."""
    taken: list[float] = []
    for module in (upload, tokens):
        monkeypatch.setattr(module, "sleep", taken.append)
    return taken
