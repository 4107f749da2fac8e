"""Tests that a changed hour or time zone lets no second post go out just after the day's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from publisher.db.models import Delivery
from publisher.db.session import Database
from publisher.schedule.spacing import MIN_PAUSE
from publisher.settings import Settings
from tests.queue_desk import Desk, open_desk, target

NOON = datetime(2026, 5, 4, 11, 0, tzinfo=UTC)
"""Noon in London."""


@pytest.fixture
def desk(sqlite_database: Database, tmp_path: Path) -> Desk:
    desk = open_desk(sqlite_database, tmp_path, hour=time(12), web={})
    desk.posts(["one", "two", "three"], NOON)
    return desk


def configured(
    desk: Desk, *, zone: str = "Europe/London", hour: time = time(12), lateness: str = "until 20:00"
) -> Desk:
    """Returns the desk as it is after its configuration was changed."""
    outlet = {"name": "A picture a day", "time_zone": zone, "hour": hour, "lateness": lateness}
    channels = {"web": {"platform": "fake", "account": "web", "caption": "fake.j2"}}
    settings = Settings.model_validate({"file": desk.settings.file, "outlet": outlet, "channels": channels})
    return replace(desk, settings=settings, targets={"web": target(settings, "web")})


def go_out(desk: Desk, at: datetime) -> None:
    """Records that the last delivery was sent."""
    with desk.database.writing() as session:
        delivery = session.query(Delivery).order_by(Delivery.id.desc()).first()
        assert delivery is not None
        delivery.sent_at = at


def last(desk: Desk) -> Delivery:
    return desk.picks()[-1].deliveries[0]


ZONES: list[tuple[str, Callable[[Desk], Desk]]] = [
    ("the next day by a zone in the east", lambda desk: configured(desk, zone="Pacific/Kiritimati", hour=time(1))),
    (
        "a day that is not over by a zone in the west",
        lambda desk: configured(desk, zone="Etc/GMT+12", hour=time(22), lateness="until 23:59"),
    ),
]


@pytest.mark.parametrize(("case", "change"), ZONES, ids=[case for case, _ in ZONES])
def test_no_second_post_goes_out_after_the_time_zone_was_changed(
    desk: Desk, case: str, change: Callable[[Desk], Desk]
) -> None:
    desk.pick(NOON)
    go_out(desk, NOON + timedelta(seconds=4))
    changed = change(desk)

    assert changed.pick(NOON + timedelta(seconds=11)).result == "picked"

    deliveries = [pick.deliveries[0] for pick in desk.picks()]
    [second] = [delivery for delivery in deliveries if delivery.sent_at is None]
    assert second.due_at == second.scheduled_at == NOON + timedelta(seconds=4) + MIN_PAUSE
    assert second.due_at - NOON > timedelta(hours=11)
    assert second.expires_at > second.due_at


def test_a_post_that_may_go_out_yet_is_waited_for(desk: Desk) -> None:
    desk.pick(NOON)
    changed = configured(desk, zone="Pacific/Kiritimati", hour=time(1))
    changed.pick(NOON + timedelta(seconds=11))
    first, second = (pick.deliveries[0] for pick in desk.picks())
    assert second.due_at == first.expires_at + MIN_PAUSE


def test_an_hour_after_midnight_waits_for_the_evening_before(desk: Desk) -> None:
    evening = configured(desk, hour=time(23, 59), lateness="skip")
    late = datetime(2026, 5, 4, 22, 59, tzinfo=UTC)
    evening.pick(late)
    go_out(evening, late)
    night = configured(desk, hour=time(0), lateness="until 20:00")
    night.pick(late + timedelta(minutes=1, seconds=5))
    assert last(desk).due_at == late + MIN_PAUSE
    go_out(desk, late + MIN_PAUSE)
    night.pick(late + timedelta(days=1, minutes=1))
    assert last(desk).due_at == datetime(2026, 5, 5, 23, 0, tzinfo=UTC)


def test_an_unchanged_hour_is_kept_however_late_the_last_post_was(desk: Desk) -> None:
    desk.pick(NOON)
    go_out(desk, NOON + timedelta(hours=7, minutes=59))
    desk.pick(NOON + timedelta(days=1))
    assert last(desk).due_at == NOON + timedelta(days=1)
    assert [pick.slot for pick in desk.picks()] == [date(2026, 5, 4), date(2026, 5, 5)]
