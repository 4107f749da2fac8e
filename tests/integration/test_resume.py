"""Tests that resuming a channel ends every wait, makes nothing else due, and reports it truly."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from publisher.core.clock import FixedClock
from publisher.core.messages import Face, Reader, reading_as
from publisher.core.problems import recorded_problem
from publisher.core.states import State
from publisher.db.models import Delivery, Event
from publisher.db.operations import Channel, Quota
from publisher.db.session import Database
from publisher.delivery import act_results, operate
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.operate import ResumeResult
from publisher.delivery.problem_codes import ActProblem
from publisher.lifecycle import Move, move
from tests.conftest import on_every_database
from tests.fakes import add_delivery, the_delivery

LOOK = recorded_problem("Look")

FAR = timedelta(days=2)


def wait_until(database: Database, until: datetime) -> None:
    with database.writing() as session:
        session.get_one(Channel, "fake").next_publish_at = until


def resume(database: Database, clock: FixedClock) -> ResumeResult:
    return operate.resume(database, "fake", now=clock.now(), actor="me")


@on_every_database
def test_a_long_wait_that_the_platform_asked_for_ends(database: Database, clock: FixedClock) -> None:
    until = clock.now() + FAR
    delivery = add_delivery(database, clock.now())
    wait_until(database, until)
    with database.writing() as session:
        session.get_one(Delivery, delivery).due_at = until
    end = resume(database, clock)
    assert end == ResumeResult(was_paused=False, waited_until=until)
    assert the_delivery(database, delivery).due_at == clock.now()
    with database.reading() as session:
        assert session.get_one(Channel, "fake").next_publish_at is None
        event = session.scalars(select(Event).where(Event.name == "channel resumed")).one()
    assert (event.actor, event.detail["waited_until"]) == ("me", until.isoformat())
    assert str(act_results.describe_resume("fake", end)) == (
        "The channel fake was not paused; it would have waited until 09:00 on 2026-05-06, and no longer does."
    )
    assert resume(database, clock) == ResumeResult(was_paused=False)
    assert (
        str(act_results.describe_resume("fake", ResumeResult(False)))
        == "The channel fake was not paused and waits for nothing."
    )


def test_a_delivery_that_is_due_later_is_not_let_out_earlier(database: Database, clock: FixedClock) -> None:
    due = clock.now() + timedelta(hours=3)
    delivery = add_delivery(database, clock.now(), due_at=due)
    assert resume(database, clock) == ResumeResult(was_paused=False)
    with database.writing() as session:
        session.get_one(Delivery, delivery).due_at = due + FAR
    assert resume(database, clock).waited_until == due + FAR
    assert the_delivery(database, delivery).due_at == due


def test_a_look_up_that_was_put_off_comes_and_our_own_pace_stays(database: Database, clock: FixedClock) -> None:
    late, soon = add_delivery(database, clock.now()), add_delivery(database, clock.now(), day_offset=1)
    with database.writing() as session:
        for delivery, due in ((late, FAR), (soon, timedelta(minutes=5))):
            row = session.get_one(Delivery, delivery)
            row.state, row.due_at, row.idempotency_key = State.UNCONFIRMED, clock.now() + due, f"key-{delivery}"
            row.sent_at = row.unknown_since = clock.now()
    resume(database, clock)
    assert the_delivery(database, late).due_at == clock.now()
    assert the_delivery(database, soon).due_at == clock.now() + timedelta(minutes=5)


def test_a_quota_that_is_used_up_is_asked_for_anew(database: Database, clock: FixedClock) -> None:
    add_delivery(database, clock.now())
    with database.writing() as session:
        for name, remaining in (("posts", 0), ("requests", 5)):
            session.add(
                Quota(
                    channel_name="fake", name=name, kind=name, maximum=10, remaining=remaining,
                    resets_at=clock.now() + FAR, seen_at=clock.now(),
                )
            )  # fmt: skip
    assert resume(database, clock).waited_until == clock.now() + FAR
    with database.reading() as session:
        assert session.scalars(select(Quota.name)).all() == ["requests"]


def test_a_pause_by_the_desk_ends_by_itself_and_one_by_a_person_does_not(database: Database, clock: FixedClock) -> None:
    add_delivery(database, clock.now())
    operate.pause(database, "fake", "Renamed", now=clock.now(), actor="me")
    assert not operate.resume_after_refusal(database, "fake", now=clock.now(), actor="doctor")
    with pytest.raises(ActRefused) as refused:
        operate.pause(database, "fake", "Again", now=clock.now(), actor="me")
    assert refused.value.reason == ActProblem.ALREADY_PAUSED
    assert str(act_results.describe_resume("fake", resume(database, clock))) == "The channel fake publishes again."
    with database.writing() as session:
        session.get_one(Channel, "fake").paused_at = clock.now()
    assert operate.resume_after_refusal(database, "fake", now=clock.now(), actor="doctor")


def test_a_channel_that_is_none_is_refused(database: Database, clock: FixedClock) -> None:
    with pytest.raises(ActRefused) as refused:
        resume(database, clock)
    assert refused.value.reason == ActProblem.NO_CHANNEL


# What a retry leads to.


def add_held_delivery(database: Database, clock: FixedClock) -> int:
    delivery = add_delivery(database, clock.now())
    with database.writing() as session:
        move(
            session,
            delivery,
            Move(State.PENDING, State.HELD),
            fence=0,
            now=clock.now(),
            problem=LOOK,
        )
    return delivery


def retried(database: Database, clock: FixedClock, delivery: int, face: Face = Face.COMMAND) -> str:
    operate.retry(database, delivery, now=clock.now(), actor="me")
    with reading_as(Reader(face=face)):
        return str(act_results.describe_retry(act_results.find_retry_wait(database, delivery, clock.now())))


def test_a_retry_says_when_it_goes_out(database: Database, clock: FixedClock) -> None:
    delivery = add_held_delivery(database, clock)
    assert retried(database, clock, delivery) == f"Delivery {delivery} goes out as soon as a worker takes it."


def test_a_retry_on_a_channel_that_waits_promises_nothing_sooner(database: Database, clock: FixedClock) -> None:
    delivery = add_held_delivery(database, clock)
    wait_until(database, clock.now() + FAR)
    assert retried(database, clock, delivery) == (
        f"Delivery {delivery} goes out at 09:00 on 2026-05-06: until then fake waits. "
        "To end that, run: publisher resume fake"
    )


def test_a_retry_on_a_paused_channel_says_so_to_each_face(database: Database, clock: FixedClock) -> None:
    delivery = add_held_delivery(database, clock)
    operate.pause(database, "fake", "Renamed", now=clock.now(), actor="me")
    assert retried(database, clock, delivery, Face.PAGE) == (
        f"Delivery {delivery} waits, because the channel fake is paused. Resume it on the page Channels to end that."
    )


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.PENDING, ActProblem.ALREADY_WAITING),
        (State.PREPARING, ActProblem.BEING_SENT),
        (State.CANCELED, ActProblem.ALREADY_CANCELED),
        (State.UNCONFIRMED, ActProblem.BEING_LOOKED_UP),
    ],
)
def test_a_retry_is_refused_with_the_reason_of_its_state(
    database: Database, clock: FixedClock, state: State, reason: ActProblem
) -> None:
    delivery = add_delivery(database, clock.now())
    with database.writing() as session:
        row = session.get_one(Delivery, delivery)
        row.state, row.idempotency_key, row.sent_at = state, "key", clock.now()
        if state == State.UNCONFIRMED:
            row.unknown_since = clock.now()
        if state == State.PREPARING:
            row.lease_owner, row.lease_until = "w", clock.now()
    with pytest.raises(ActRefused) as refused:
        operate.retry(database, delivery, now=clock.now(), actor="me")
    assert refused.value.reason == reason


def test_canceling_what_may_be_public_says_so(database: Database, clock: FixedClock) -> None:
    delivery = add_held_delivery(database, clock)
    with database.writing() as session:
        session.get_one(Delivery, delivery).unknown_since = clock.now()
    may_be_public = operate.cancel(database, delivery, now=clock.now(), actor="me")
    assert str(act_results.describe_cancel(delivery, may_be_public=may_be_public, platform="Fake")) == (
        f"Delivery {delivery} is canceled: it does not go out. "
        "It may be public nevertheless; look on Fake, and remove it there if it is."
    )
