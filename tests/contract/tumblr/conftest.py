"""The account that the platform's own cases work on."""

from __future__ import annotations

import pytest

from tests.contract.conftest import OpenAccount
from tests.contract.platforms.tumblr import Driver


@pytest.fixture
def desk(open_account: OpenAccount) -> Driver:
    account = open_account("tumblr")
    assert isinstance(account, Driver)
    return account


@pytest.fixture(params=[False, True], ids=["new id", "same id"])
def blog(request: pytest.FixtureRequest, desk: Driver) -> Driver:
    """Whether a draft that is published keeps its id is not proved live: both ways must hold."""
    desk.sandbox.blog.habits.drafts_keep_id = request.param
    return desk
