"""Tests that people read how late a post is in a unit that they would use."""

from __future__ import annotations

from datetime import timedelta

import pytest

from publisher.core.date_format import describe_lateness


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (1, "1 minute late"),
        (14, "14 minutes late"),
        (89, "89 minutes late"),
        (90, "2 hours late"),
        (669, "11 hours late"),
        (47 * 60, "47 hours late"),
        (50 * 60, "2 days late"),
    ],
)
def test_lateness_is_told_in_a_fitting_unit(minutes: int, text: str) -> None:
    assert str(describe_lateness(timedelta(minutes=minutes))) == text
