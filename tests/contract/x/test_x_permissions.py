"""Keys of X that may only read: found before the first post, not by its refusal."""

from __future__ import annotations

import pytest

from publisher.platforms.errors import CredentialsRefused
from publisher.platforms.x.problem_codes import XLoginProblem
from tests.contract.platforms.x import Driver, adapted


def test_keys_that_may_only_read_are_found_without_a_post(desk: Driver) -> None:
    desk.sandbox.keys_may_only_read = True
    with pytest.raises(CredentialsRefused) as caught:
        desk.adapter().verify_credentials()
    assert caught.value.problem.code is XLoginProblem.KEYS_MAY_ONLY_READ
    assert "make the access token anew" in str(caught.value)


def test_a_post_with_keys_that_may_only_read_is_refused_for_the_account(desk: Driver) -> None:
    adapter = desk.adapter()
    adapter.verify_credentials()
    desk.sandbox.keys_may_only_read = True
    with pytest.raises(CredentialsRefused, match="read and write"):
        adapter.publish(adapted("Text", "alt"), [], idempotency_key="x-1")
    assert desk.sandbox.posts() == []
    desk.sandbox.keys_may_only_read = False
    adapter.verify_credentials()
