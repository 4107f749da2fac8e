"""Tests that idempotency keys fit every platform."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from publisher.lifecycle import next_token
from publisher.platforms.base import KeySeed
from publisher.platforms.profiles import platform_names
from publisher.platforms.registry import adapter_class

SEED = KeySeed(token="0123456789ab", title="A cell", created_at=datetime(2026, 5, 4, 9, 0, tzinfo=UTC))


@pytest.mark.parametrize("platform", platform_names())
def test_a_seed_always_gives_the_same_key_and_another_token_another_one(platform: str) -> None:
    """Else a post whose key is taken would never come to one of its own."""
    key_of = adapter_class(platform).idempotency_key
    assert key_of(SEED) == key_of(replace(SEED))
    assert len(key_of(SEED)) <= 120
    assert key_of(SEED) != key_of(replace(SEED, token=next_token(SEED.token)))
