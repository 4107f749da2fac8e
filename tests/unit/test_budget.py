"""Tests that a post has its cost and its month, and that a passed budget is noticed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from publisher.core.content import AdaptedImage, AdaptedPost
from publisher.delivery.budget import (
    BudgetReached,
    Month,
    Spending,
    alt_text_cost,
    format_dollars,
    request_cost,
    whole_cost,
)
from publisher.platforms.profiles import Prices, load_profile
from tests.fakes import SPEC

PRICES = Prices(post=0.015, post_with_link=0.2, alt_text=0.005, newest_posts=0.005, post_read=0.001)
MAY = Month.of(datetime(2026, 5, 4, tzinfo=UTC), UTC)


def post(caption: str, *thread: str, alt_texts: tuple[str, ...] = ()) -> AdaptedPost:
    images = tuple(AdaptedImage(spec=SPEC, alt_text=text) for text in alt_texts)
    return AdaptedPost(
        channel="x", platform="x", language="en", title="T", caption=caption, thread=thread, images=images
    )


@pytest.mark.parametrize(
    ("adapted", "micros"),
    [
        (post("Text"), 15_000 + 5_000),
        (post("See example.org"), 200_000 + 5_000),
        (post("Text", "more", "README.md"), 15_000 + 15_000 + 200_000 + 5_000),
        (post("Text", alt_texts=("one", "", "two")), 15_000 + 10_000 + 5_000),
        (post("Text").model_copy(update={"reply_to": "7"}), 15_000),
    ],
)
def test_a_post_costs_what_its_requests_cost(adapted: AdaptedPost, micros: int) -> None:
    assert whole_cost(load_profile("x"), adapted) == micros


def test_where_nothing_is_asked_for_nothing_is_spent() -> None:
    assert whole_cost(load_profile("tumblr"), post("See example.org", alt_texts=("one",))) == 0
    assert request_cost(load_profile("tumblr"), "Text") == alt_text_cost(None, ["one"]) == 0


def test_only_x_asks_for_money() -> None:
    assert load_profile("x").prices == PRICES
    assert load_profile("tumblr").prices is None


@pytest.mark.parametrize(
    ("now", "zone", "begins", "ends"),
    [
        ("2026-05-31T22:30:00+00:00", "Europe/Madrid", "2026-06-01T00:00:00+02:00", "2026-07-01T00:00:00+02:00"),
        ("2026-05-31T21:30:00+00:00", "Europe/Madrid", "2026-05-01T00:00:00+02:00", "2026-06-01T00:00:00+02:00"),
        ("2026-12-31T23:59:59+00:00", "Europe/London", "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("2026-03-10T12:00:00+00:00", "Europe/London", "2026-03-01T00:00:00+00:00", "2026-04-01T00:00:00+01:00"),
        ("2026-10-25T01:30:00+00:00", "Europe/London", "2026-10-01T00:00:00+01:00", "2026-11-01T00:00:00+00:00"),
    ],
)
def test_a_month_is_one_of_the_outlets_clocks(now: str, zone: str, begins: str, ends: str) -> None:
    month = Month.of(datetime.fromisoformat(now), ZoneInfo(zone))
    assert (month.begins.isoformat(), month.ends.isoformat()) == (begins, ends)


def spent(micros: int, budget: int | None = 1_000_000) -> Spending:
    return Spending("x", MAY, micros, budget)


def test_the_last_cent_of_a_budget_may_be_spent_and_no_more() -> None:
    spent(985_000).require(15_000, 7)
    spent(10**9, budget=None).require(15_000, 7)
    with pytest.raises(BudgetReached) as caught:
        spent(985_000).require(15_001, 7)
    words = caught.value.message
    assert "about $0.985 in May 2026, 98 % of its budget of $1.00" in words
    assert "raise channels.x.monthly_budget, or wait for 2026-06-01. Then: publisher retry 7" in words


@pytest.mark.parametrize(("micros", "nearly"), [(799_999, False), (800_000, True), (1_200_000, True)])
def test_a_budget_is_nearly_spent_from_four_fifths_on(micros: int, nearly: bool) -> None:
    assert spent(micros).nearly_spent is nearly
    assert not spent(micros, budget=None).nearly_spent


def test_a_budget_becomes_nearly_spent_once() -> None:
    sums = [780_000, 795_000, 810_000, 825_000]
    assert [spent(micros).became_nearly_spent(15_000) for micros in sums] == [False, False, True, False]


@pytest.mark.parametrize(
    ("micros", "text"), [(0, "$0.00"), (450_000, "$0.45"), (15_000, "$0.015"), (5 * 10**6, "$5.00")]
)
def test_dollars_are_shown_as_people_write_them(micros: int, text: str) -> None:
    assert format_dollars(micros) == text
