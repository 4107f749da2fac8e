"""Tests that slots are right across the nights on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from publisher.schedule.slots import expiry, slot_day, slot_instant
from publisher.settings import Lateness

LONDON, NEW_YORK, LORD_HOWE = (ZoneInfo(name) for name in ("Europe/London", "America/New_York", "Australia/Lord_Howe"))
ZONES = (LONDON, NEW_YORK, LORD_HOWE)
HOURS = (time(0, 0), time(1, 30), time(1, 45), time(2, 0), time(2, 15), time(2, 30), time(9, 0), time(23, 59))
DAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(400)]


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("hour", HOURS, ids=str)
def test_each_day_has_one_instant_later_than_that_of_the_day_before(zone: ZoneInfo, hour: time) -> None:
    instants = [slot_instant(day, hour, zone) for day in DAYS]

    assert all(earlier < later for earlier, later in pairwise(instants))
    assert [slot_day(instant, zone) for instant in instants] == DAYS
    shifted = [instant for instant in instants if instant.astimezone(zone).time() != hour]
    # Only the spring nights may move the hour, and only forward: two such nights in 400 days at most.
    assert len(shifted) <= 2
    assert all(instant.astimezone(zone).time() > hour for instant in shifted)


@pytest.mark.parametrize(
    ("zone", "day", "hour", "expected"),
    [
        (LONDON, date(2026, 3, 29), time(1, 30), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (NEW_YORK, date(2026, 3, 8), time(2, 30), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        (LORD_HOWE, date(2026, 10, 4), time(2, 15), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ],
    ids=["London", "New York", "Lord Howe"],
)
def test_an_hour_that_does_not_exist_means_the_next_minute_that_does(
    zone: ZoneInfo, day: date, hour: time, expected: datetime
) -> None:
    assert slot_instant(day, hour, zone) == expected


@pytest.mark.parametrize(
    ("zone", "day", "hour", "expected"),
    [
        (LONDON, date(2026, 10, 25), time(1, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (NEW_YORK, date(2026, 11, 1), time(1, 30), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (LORD_HOWE, date(2026, 4, 5), time(1, 45), datetime(2026, 4, 4, 14, 45, tzinfo=UTC)),
    ],
    ids=["London", "New York", "Lord Howe"],
)
def test_an_hour_that_comes_twice_means_the_first(zone: ZoneInfo, day: date, hour: time, expected: datetime) -> None:
    assert slot_instant(day, hour, zone) == expected


def test_a_late_post_may_go_out_until_the_rule_says_so() -> None:
    rule = Lateness(until=time(20, 0))
    assert expiry(date(2026, 7, 1), time(9), rule, LONDON) == datetime(2026, 7, 1, 19, 0, tzinfo=UTC)
    assert expiry(date(2026, 12, 1), time(9), rule, LONDON) == datetime(2026, 12, 1, 20, 0, tzinfo=UTC)


def test_a_skipped_late_post_has_a_short_grace() -> None:
    assert expiry(date(2026, 12, 1), time(9), Lateness(), LONDON) == datetime(2026, 12, 1, 9, 15, tzinfo=UTC)


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_no_night_expires_a_post_before_it_is_due(zone: ZoneInfo) -> None:
    rule = Lateness(until=time(2, 20))
    for day in DAYS:
        for hour in (time(1, 10), time(2, 5)):
            assert expiry(day, hour, rule, zone) > slot_instant(day, hour, zone)


def test_the_day_of_an_instant_is_the_local_one() -> None:
    instant = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
    assert slot_day(instant, LONDON) == date(2026, 7, 1)
    assert slot_day(instant, NEW_YORK) == date(2026, 6, 30)
