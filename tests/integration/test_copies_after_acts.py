"""Tests that posts of lost requests, carried out after a person has decided, are found and reported."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from publisher.core.clock import FixedClock
from publisher.core.content import Publication
from publisher.core.states import State
from publisher.db.history_file import KnownEvent
from publisher.db.models import Delivery, Event
from publisher.db.session import Database
from publisher.delivery import operate
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.adopt import AdoptionRequest, adopt
from publisher.delivery.problem_codes import ActProblem
from publisher.delivery.removed_channels import hold_removed
from publisher.desk import Desk
from publisher.lifecycle import Move, move
from publisher.lifecycle_late_success import record_late_success
from publisher.lifecycle_restore import restore_deliveries
from publisher.settings import DeliverySettings
from tests.conftest import WriteDesk, on_every_database
from tests.fakes import FakeAdapter, adapted_post, add_delivery
from tests.integration.test_unknown_outcomes import LOST_ANSWER, Bench


@pytest.fixture
def bench(database: Database, clock: FixedClock) -> Bench:
    return Bench(database, clock)


def hold_unknown(bench: Bench) -> int:
    """Adds a delivery that waits for a person, because its request had no answer."""
    bench.settings = DeliverySettings(after_unknown="ask")
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(minutes=20)
    assert bench.row(delivery).state == "held"
    return delivery


def retry(bench: Bench, delivery: int) -> None:
    operate.retry(bench.database, delivery, now=bench.clock.now(), actor="me", i_have_looked=True)


def cancel(bench: Bench, delivery: int) -> bool:
    return operate.cancel(bench.database, delivery, now=bench.clock.now(), actor="me")


def adopt_by_hand(bench: Bench, delivery: int, link: str) -> None:
    adopt(bench.database, bench.channels, AdoptionRequest(delivery, link), now=bench.clock.now(), actor="me")


def list_copy_of(row: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the platform list a post of the lost request beside the one that is recorded."""
    late = Publication(remote_id="late", url="https://fake.example/late")
    recorded = Publication(remote_id=row.remote_id or "", url=row.remote_url, copies=(late,))
    monkeypatch.setattr(FakeAdapter, "find_publication", lambda *_, **__: recorded)


@on_every_database
@pytest.mark.parametrize("hours", [0, 19])
def test_a_copy_that_comes_after_a_retry_by_hand_is_reported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    delivery = hold_unknown(bench)
    retry(bench, delivery)
    bench.drain()
    bench.drain_for(hours=hours)
    assert (bench.row(delivery).state, bench.row(delivery).problem) == ("published", None)
    list_copy_of(bench.row(delivery), monkeypatch)
    bench.drain_for(hours=5)
    assert "https://fake.example/late; remove one by hand." in str(bench.row(delivery).problem)


@on_every_database
@pytest.mark.parametrize("listed", ["alt", "other"])
def test_a_copy_that_comes_after_another_post_was_adopted_is_reported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    """What the adopted post shows otherwise was told to the person who adopted it, and is no news."""
    delivery = hold_unknown(bench)
    bench.platform.shown_alt_text = listed
    bench.platform.accept("by-hand", adapted_post())
    adopt_by_hand(bench, delivery, "https://fake.example/by-hand")
    bench.drain_for(hours=1)
    assert (bench.row(delivery).state, bench.row(delivery).problem) == ("published", None)
    list_copy_of(bench.row(delivery), monkeypatch)
    bench.drain_for(hours=5)
    assert "https://fake.example/late; remove one by hand." in str(bench.row(delivery).problem)
    bench.drain_for(days=2)
    assert bench.row(delivery).verify_at is None


def test_canceling_after_a_lost_request_says_that_it_may_be_public(bench: Bench) -> None:
    bench.platform.before = [LOST_ANSWER]
    delivery = bench.add()
    bench.drain_for(minutes=14)
    operate.pause(bench.database, "fake", "the office moves", now=bench.clock.now(), actor="me")
    bench.drain_for(minutes=4)
    row = bench.row(delivery)
    assert (row.state, row.lost_requests, row.unknown_since) == ("pending", 1, None)
    assert cancel(bench, delivery)


def test_what_comes_after_a_retry_and_a_cancel_is_recorded(bench: Bench) -> None:
    delivery = hold_unknown(bench)
    operate.pause(bench.database, "fake", "the office moves", now=bench.clock.now(), actor="me")
    retry(bench, delivery)
    assert cancel(bench, delivery)
    bench.platform.accept(f"key-{bench.row(delivery).token}", adapted_post())
    bench.drain_for(days=4)
    row = bench.row(delivery)
    assert (row.state, "It was canceled, and is public nevertheless" in str(row.problem)) == ("published", True)


def test_a_fresh_key_leaves_no_request_that_may_come_late(bench: Bench) -> None:
    delivery = hold_unknown(bench)
    with bench.database.writing() as session:
        session.get_one(Delivery, delivery).reported_public = True
    retry(bench, delivery)
    assert bench.row(delivery).lost_requests == 0


@on_every_database
def test_the_post_of_a_delivery_of_another_channel_is_not_adopted(bench: Bench) -> None:
    """Both channels may publish on one account; the post is the record of one delivery."""
    first = bench.add()
    bench.drain()
    url = bench.row(first).remote_url or ""
    second = add_delivery(bench.database, bench.clock.now(), channel="other", day_offset=1)
    with pytest.raises(ActRefused) as refused:
        adopt_by_hand(bench, second, url)
    assert refused.value.reason is ActProblem.OTHER_DELIVERY
    assert bench.row(second).state == "pending"


def test_a_late_answer_is_known_to_the_desk_before_its_transaction_returns(
    tmp_path: Path, write_desk: WriteDesk, clock: FixedClock
) -> None:
    """A database from before it has the delivery waiting to be sent again, and must not be worked with."""
    desk = Desk(write_desk(tmp_path / "desk"), clock)
    delivery = add_delivery(desk.database, clock.now())
    with desk.database.writing() as session:
        record_late_success(session, delivery, Publication(remote_id="7", url="https://fake.example/7"), clock.now())
    with desk.database.reading() as session:
        newest = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    desk.database.close()
    assert (newest.name, desk.history.record.read()) == (
        "delivery published", KnownEvent(newest.id, newest.at),
    )  # fmt: skip


def test_what_a_restored_desk_may_have_sent_is_looked_for_after_a_cancel(bench: Bench) -> None:
    """The database from a backup has no record of a try; the lost one's request may be carried out late."""
    delivery, now = bench.add(), bench.clock.now()
    with bench.database.writing() as session:
        restore_deliveries(session, now, lambda row: f"key-{row.token}", since=now)
    assert cancel(bench, delivery)
    bench.platform.accept(f"key-{bench.row(delivery).token}", adapted_post())
    bench.drain_for(hours=2)
    row = bench.row(delivery)
    assert (row.state, "It was canceled, and is public nevertheless" in str(row.problem)) == ("published", True)


def test_a_removed_channels_unknown_posts_are_looked_up_when_it_is_back(bench: Bench) -> None:
    bench.platform.late = [timedelta(minutes=30)]
    delivery = bench.add()
    bench.drain()
    hold_removed(bench.database, [], bench.clock.now())
    assert bench.row(delivery).state == "held"
    bench.drain_for(hours=2)
    assert (bench.row(delivery).state, bench.row(delivery).problem) == ("published", None)


@on_every_database
@pytest.mark.parametrize("becomes", ["unconfirmed", "held", "published"])
def test_the_post_of_a_later_delivery_of_the_same_text_is_no_copy(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    """A person who is told so removes the next day's post."""
    bench.platform.before = [LOST_ANSWER]
    first = bench.add()
    bench.drain_for(hours=1)
    assert (bench.row(first).state, bench.row(first).lost_requests) == ("published", 1)
    second = add_delivery(bench.database, bench.clock.now(), day_offset=1)
    bench.platform.after = [] if becomes == "published" else [LOST_ANSWER]
    bench.drain()
    row = bench.row(second)
    if becomes == "held":
        with bench.database.writing() as session:
            move(session, second, Move(State.UNCONFIRMED, State.HELD), fence=row.fence, now=bench.clock.now())
    later = Publication(remote_id=f"id-key-{row.token}", url="https://fake.example/second")
    own = Publication(remote_id=bench.row(first).remote_id or "", url="https://fake.example/own", copies=(later,))
    monkeypatch.setattr(FakeAdapter, "find_publication", lambda *_, **__: own)
    with bench.database.writing() as session:
        session.get_one(Delivery, first).verify_at = bench.clock.now()
    bench.drain()
    assert (bench.row(first).problem, bench.row(second).state) == (None, becomes)


def test_a_late_look_up_takes_no_post_that_may_be_another_deliverys(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hold_unknown(bench)
    bench.drain_for(minutes=40)
    bench.platform.after = [LOST_ANSWER]
    second = add_delivery(bench.database, bench.clock.now(), day_offset=1)
    bench.drain()
    publication = Publication(remote_id=f"id-key-{bench.row(second).token}", url="https://fake.example/second")
    monkeypatch.setattr(FakeAdapter, "find_publication", lambda *_, **__: publication)
    with bench.database.writing() as session:
        session.get_one(Delivery, first).verify_at = bench.clock.now()
    bench.drain()
    assert (bench.row(first).state, bench.row(second).state) == ("held", "unconfirmed")
    bench.drain_for(minutes=1)
    assert (bench.row(first).state, bench.row(second).state) == ("held", "published")
