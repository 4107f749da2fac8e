"""Tests that days of cover are counted apart from the days on which the reserve repeats itself."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from publisher.schedule.listing import unrepeated_days
from publisher.schedule.projection import ProjectedDay
from publisher.web.rendering import templates


def days(*posts: int | None) -> list[ProjectedDay]:
    first = date(2027, 1, 1)
    return [ProjectedDay(first + timedelta(days=number), post, "queue") for number, post in enumerate(posts)]


@pytest.mark.parametrize(
    ("posts", "count"), [((), 0), ((None,), 0), ((1, 2, 3), 3), ((1, 2, 1, 3), 2), ((1, None, 2), 1), ((5, 5), 1)]
)
def test_days_before_the_first_repeat_are_counted(posts: tuple[int | None, ...], count: int) -> None:
    assert unrepeated_days(days(*posts)) == count


@pytest.mark.parametrize(
    ("cover", "unrepeated", "text"),
    [
        (730, 6, "6 days of cover, then the reserve repeats"),
        (3, 1, "1 day of cover, then the reserve repeats"),
        (730, 730, "more than a year of cover"),
        (4, 4, "4 days of cover"),
    ],
)
def test_cover_names_the_repeats(cover: int, unrepeated: int, text: str) -> None:
    html = templates().from_string('{% from "cover.html" import days_of_cover %}{{ days_of_cover(cover, unrepeated) }}')
    assert html.render(cover=cover, unrepeated=unrepeated) == text
