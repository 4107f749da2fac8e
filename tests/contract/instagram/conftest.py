"""The account that the platform's own cases work on."""

from __future__ import annotations

import pytest

from tests.contract.conftest import OpenAccount
from tests.contract.platforms.instagram import Driver


@pytest.fixture
def desk(open_account: OpenAccount) -> Driver:
    account = open_account("instagram")
    assert isinstance(account, Driver)
    return account
