"""Tests that quotas are read from platforms' headers, which may hold anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publisher.platforms.base import Quota
from publisher.platforms.tumblr.answers import daily_quotas, request_quotas
from publisher.platforms.x.answers import read_quotas

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
SOON = str(int(NOW.timestamp()) + 600)

numbers = st.one_of(
    st.integers(-5, 10**12).map(str),
    st.sampled_from(["", " 7 ", "nan", "inf", "1e400", "٣", "²", "0x10", "-0", "1.5", SOON, "9" * 400]),
)


def x_quotas(headers: dict[str, str]) -> list[Quota]:
    return read_quotas(headers, "POST", "/2/tweets", NOW)


@given(st.dictionaries(st.sampled_from(["limit", "remaining", "reset"]), numbers))
def test_only_a_quota_of_x_that_can_be_true_is_one(parts: dict[str, str]) -> None:
    for quota in x_quotas({f"x-rate-limit-{part}": value for part, value in parts.items()}):
        check(quota)


@given(st.dictionaries(st.sampled_from(["Limit", "Remaining", "Reset"]), numbers))
def test_only_a_quota_of_tumblr_that_can_be_true_is_one(parts: dict[str, str]) -> None:
    for quota in request_quotas({f"X-Ratelimit-Perhour-{part}": value for part, value in parts.items()}, NOW):
        check(quota)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["limit", "remaining", "reset_at"]), st.integers(-5, 2**70) | st.text()))
def test_only_a_daily_limit_that_can_be_true_is_one(parts: dict[str, object]) -> None:
    for quota in daily_quotas({"user": {"posts": parts}}, NOW):
        check(quota)


def check(quota: Quota) -> None:
    assert 0 <= quota.remaining <= quota.maximum < 2**31
    assert NOW < quota.resets_at <= NOW + timedelta(days=2)


@pytest.mark.parametrize(
    "parts",
    [
        {"limit": "100", "remaining": "0"},
        {"limit": "100", "reset": SOON},
        {"remaining": "0", "reset": SOON},
        {"limit": "100", "remaining": "101", "reset": SOON},
        {"limit": "100", "remaining": "-1", "reset": SOON},
        {"limit": "100", "remaining": "0", "reset": "600"},
        {"limit": "100", "remaining": "0", "reset": "99999999999"},
        {"limit": "soon", "remaining": "0", "reset": SOON},
    ],
)
def test_headers_that_are_not_whole_or_sound_are_left_out(parts: dict[str, str]) -> None:
    assert x_quotas({f"x-rate-limit-{part}": value for part, value in parts.items()}) == []


def test_every_window_that_x_names_is_a_quota_of_its_own() -> None:
    headers = {"x-rate-limit-limit": "100", "x-rate-limit-remaining": "99", "x-rate-limit-reset": SOON}
    for who in ("app", "user"):
        headers |= {f"x-{who}-limit-24hour-{part}": value for part, value in (("limit", "17"), ("remaining", "0"))}
    headers["x-user-limit-24hour-reset"] = SOON
    by_name = {quota.name: (quota.kind, quota.remaining) for quota in x_quotas(headers)}
    assert by_name == {"posts, 15 min": ("posts", 99), "posts, account, 24 h": ("posts", 0)}
