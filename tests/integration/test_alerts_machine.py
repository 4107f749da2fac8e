"""Tests that alerts are sent for failing jobs, broken captions, clocks that differ, and changes after a pick."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from publisher.alerts import Notifier, store
from publisher.alerts.conditions import Condition
from publisher.alerts.problem_codes import AlertHeadline, AlertProblem
from publisher.core.clock import FixedClock
from publisher.core.messages import Message
from publisher.db.models import Post
from publisher.db.operations import Alert, AlertKind
from publisher.delivery.clock_changes import restart_look_ups
from publisher.delivery.platform_clocks import PlatformClocks
from publisher.desk import Desk
from publisher.health import record_heartbeat
from publisher.health.heartbeat import delete_heartbeat
from publisher.job_failures import FailureLog, TickPart
from publisher.schedule.picking import pick_slot
from publisher.settings import SettingsError
from tests.integration.test_alerts import empty_day, open_desk
from tests.post_box import PostBox, open_post_box
from tests.queue_desk import picture

pytestmark = pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")

CLOCK_KINDS = (AlertKind.CLOCK, AlertKind.CLOCK_SET)


@pytest.fixture
def box() -> Iterator[PostBox]:
    with open_post_box() as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path, clock: FixedClock, box: PostBox) -> Iterator[Desk]:
    # 08:00 in London, before the day's pick.
    clock.instant = clock.instant.replace(hour=7, minute=0)
    with open_desk(tmp_path, clock, box, "sqlite:///queue.db") as opened:
        yield opened


def template(desk: Desk, channel: str) -> Path:
    return desk.settings.file.parent / desk.settings.channels[channel].caption


def add_post(desk: Desk, title: str = "A cell") -> None:
    now = desk.now()
    with desk.database.writing() as session:
        session.add(
            Post(
                state="approved", approved_at=now, position=1.0, title=title, credit="Jane Doe", licence="CC BY 4.0",
                language="en", created_at=now, updated_at=now, images=[picture(title, now)],
            )
        )  # fmt: skip


def pick(desk: Desk) -> str:
    return pick_slot(desk.database, desk.settings, desk.targets, desk.people, desk.now()).result


def again(desk: Desk, old: str, new: str) -> Desk:
    """Opens the desk again after its configuration was changed."""
    file = desk.settings.file
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return Desk(file, desk.clock)


# --- jobs -----------------------------------------------------------------------------------------


def test_a_failing_part_is_alerted_once_with_its_reason_and_so_is_its_end(
    desk: Desk, clock: FixedClock, box: PostBox
) -> None:
    record_heartbeat(desk.database, "me:1", "scheduler", clock.now())
    failures = FailureLog(desk.database, "me:1", clock.now)
    failures.failed(TickPart.PICK, SettingsError(Message("publisher.toml is gone")), tried_again_in=60)
    notifier = Notifier(desk)
    for _ in range(2):
        notifier.notify(clock.now())
    assert box.titles == ["The scheduler fails at picking the post of the day"]
    assert "The post of the day can't be picked, since 08:00 on 2026-05-04: publisher.toml is gone." in box.bodies
    failures.worked(TickPart.PICK)
    notifier.notify(clock.now())
    assert box.titles[1:] == ["over: The scheduler fails at picking the post of the day"]
    assert "It works again." in box.bodies


def test_the_end_of_a_process_is_not_reported_as_if_its_job_worked(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    record_heartbeat(desk.database, "me:1", "scheduler", clock.now())
    FailureLog(desk.database, "me:1", clock.now).failed("sweeping", KeyError("a fault"), tried_again_in=3600)
    notifier = Notifier(desk)
    notifier.notify(clock.now())
    assert box.titles == ["Sweeping does not work"]
    delete_heartbeat(desk.database, "me:1")
    notifier.notify(clock.now())
    assert len(box.titles) == 1


def test_a_post_that_is_not_picked_is_reported_with_the_true_reason(
    desk: Desk, clock: FixedClock, box: PostBox
) -> None:
    record_heartbeat(desk.database, "me:1", "scheduler", clock.now())
    clock.instant = clock.instant.replace(hour=8, minute=31)
    record_heartbeat(desk.database, "me:1", "scheduler", clock.now())
    notifier = Notifier(desk)
    notifier.notify(clock.now())
    assert "although a scheduler runs" in box.bodies
    assert "no scheduler runs" not in box.bodies


def test_a_new_desk_that_waits_for_tomorrow_says_so(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    desk_began = clock.now()
    record_heartbeat(desk.database, "me:1", "scheduler", desk_began)
    clock.instant = clock.instant.replace(hour=8, minute=30)
    record_heartbeat(desk.database, "me:2", "scheduler", clock.now())
    clock.instant = clock.instant.replace(minute=31)
    Notifier(desk).notify(clock.now())
    assert "This desk has published nothing yet" in box.bodies
    assert "although a scheduler runs" not in box.bodies


def test_a_failing_pick_is_why_the_post_is_not_out(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    record_heartbeat(desk.database, "me:1", "scheduler", clock.now())
    FailureLog(desk.database, "me:1", clock.now).failed(TickPart.PICK, KeyError("a fault"), tried_again_in=60)
    clock.instant = clock.instant.replace(hour=8, minute=31)
    record_heartbeat(desk.database, "me:1", "scheduler", clock.now())
    Notifier(desk).notify(clock.now())
    assert "the program has a fault there" in box.bodies
    assert "KeyError" not in box.bodies
    assert "no scheduler runs" not in box.bodies


# --- captions --------------------------------------------------------------------------------------


def test_a_broken_template_is_an_alert_until_it_is_mended(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    sound = template(desk, "x").read_text(encoding="utf-8")
    template(desk, "x").write_text("{{ titel }}", encoding="utf-8")
    directory = desk.settings.file.parent / "people.toml"
    directory.write_text("[[people", encoding="utf-8")
    notifier = Notifier(desk)
    for _ in range(2):
        notifier.notify(clock.now())
    assert box.titles == ["2 things need a person"]
    assert "X: its captions can't be made" in box.bodies
    assert "did you mean “title”" in box.bodies
    assert "The directory of people can't be read" in box.bodies
    template(desk, "x").write_text(sound, encoding="utf-8")
    directory.unlink()
    notifier.notify(clock.now())
    assert box.titles[1:] == ["2 are over"]
    assert "Deliveries that it held wait for a retry" in box.bodies


# --- clocks ----------------------------------------------------------------------------------------


def test_a_clock_that_differs_is_reported_once_and_taken_back(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    clocks = PlatformClocks(lambda: desk.database, clock)
    notifier = Notifier(desk)
    for seconds in (9.0, 12.0, 9.0, 12.0):
        clocks.note("x", timedelta(seconds=seconds))
        notifier.notify(clock.now())
    assert box.titles == ["This machine's clock may be wrong"]
    assert "Posts go out by this machine's clock." in box.bodies
    clocks.note("x", timedelta(seconds=0))
    notifier.notify(clock.now())
    assert box.titles[1:] == ["over: This machine's clock may be wrong"]


def test_a_clock_that_was_set_is_reported_once_and_nothing_waits_for_hours(
    desk: Desk, clock: FixedClock, box: PostBox
) -> None:
    with desk.database.writing() as session:
        condition = Condition(AlertKind.DRAFT, AlertHeadline.DRAFT_LEFT(channel="x"), AlertProblem.NO_REASON())
        store.open_alert(session, condition, clock.now(), next_try_at=clock.now() + timedelta(hours=3))
    PlatformClocks(lambda: desk.database, clock).note("x", timedelta(hours=-3))
    for _ in range(2):
        # Each process of the machine notices it.
        restart_look_ups(desk.database, clock.now(), timedelta(hours=-3), timedelta(seconds=10))
    notifier = Notifier(desk)
    for _ in range(2):
        notifier.notify(clock.now())
        with desk.database.reading() as session:
            assert session.query(Alert).filter(Alert.kind.in_(CLOCK_KINDS)).count() == 1
    assert "It was put back by 3 h at 08:00 on 2026-05-04." in box.bodies


# --- changes after the pick --------------------------------------------------------------------------


def test_an_hour_changed_after_the_pick_is_an_alert_for_today_and_tomorrow(
    desk: Desk, clock: FixedClock, box: PostBox
) -> None:
    clock.instant = clock.instant.replace(hour=8)
    add_post(desk)
    assert pick(desk) == "picked"
    Notifier(desk).notify(clock.now())
    assert box.titles == []
    later = again(desk, "[channels.x]", '[channels.x]\nhour = "11:30"')
    notifier = Notifier(later)
    for _ in range(2):
        notifier.notify(clock.now())
    assert box.titles == ["X: its hour was changed after today's pick"]
    assert "Today's post is still due at 09:00 on 2026-05-04. From tomorrow on, posts go out at 11:30." in box.bodies
    later.database.close()


def test_an_alert_says_that_a_channel_added_after_the_pick_begins_tomorrow(
    desk: Desk, clock: FixedClock, box: PostBox
) -> None:
    clock.instant = clock.instant.replace(hour=8)
    add_post(desk)
    assert pick(desk) == "picked"
    added = '[channels.second]\nplatform = "x"\naccount = "second"\ncaption = "captions/x.j2"\n\n[channels.x]'
    later = again(desk, "[channels.x]", added)
    Notifier(later).notify(clock.now())
    assert box.titles == ["X (second): it was added after today's pick"]
    assert "It gets no post today. Its first one is tomorrow's." in box.bodies
    later.database.close()


def test_a_channel_that_leaves_the_post_out_was_not_added(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    clock.instant = clock.instant.replace(hour=8)
    other = again(desk, "[channels.x]", '[channels.x]\nlanguage = "ca"\nmissing_translation = "skip"')
    add_post(other)
    assert pick(other) == "picked"
    Notifier(other).notify(clock.now())
    assert box.titles == []
    other.database.close()


# --- after the lateness hour --------------------------------------------------------------------------


def test_nobody_is_promised_a_post_for_today_when_it_is_too_late(desk: Desk, clock: FixedClock, box: PostBox) -> None:
    clock.instant = clock.instant.replace(hour=18, minute=59)
    empty_day(desk)
    Notifier(desk).notify(clock.now())
    assert "Add or approve one before 20:00, and it goes out at once." in box.bodies
    with desk.database.writing() as session:
        session.query(Alert).delete()
    clock.advance(minutes=1)
    Notifier(desk).notify(clock.now())
    assert "After 20:00 it is too late for today's post, so today stays without one." in box.messages[-1]["message"]
