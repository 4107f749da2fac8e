"""Tests that every part of a text with replies is public once, in order, whatever happens between two of them."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from publisher import lifecycle
from publisher.cli.demo_check import differences
from publisher.cli.main import cli
from publisher.core.clock import FixedClock
from publisher.core.content import AdaptedPost, Publication
from publisher.core.problems import recorded_problem
from publisher.db.models import Attempt, Delivery, Event, Pick, Post
from publisher.db.session import Database
from publisher.delivery import operate
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.adopt import AdoptionRequest, adopt
from publisher.delivery.claim import claim
from publisher.delivery.context import DeliveryContext
from publisher.delivery.due import miss_expired, recover_lost
from publisher.delivery.worker import Milestone, Worker
from publisher.lifecycle import NEVER_TOO_LATE, NewDelivery, NotApprovedText, open_delivery, replace_adapted
from publisher.lifecycle_late_success import record_late_success
from publisher.lifecycle_restore import restore_deliveries
from publisher.platforms.errors import ContentRejected, Unavailable, Unconfirmed
from publisher.posts.drafts import PostChanges
from publisher.posts.posts import EditOutcome
from publisher.sandbox.faults import Fault
from publisher.sandbox.x.service import Sandbox as XSandbox
from publisher.schedule.post_queue import PostQueue
from publisher.settings import DeliverySettings
from tests.conftest import OpenOutlet
from tests.fakes import (
    FakeChannels,
    FakePlatform,
    FakeRenderer,
    adapted_post,
    add_delivery,
    fake_profile,
    pass_time,
    the_delivery,
)

SETTINGS = DeliverySettings(lease_seconds=30, look_up_after=(10, 60, 300), retry_seconds=20)
LOST_ANSWER = Unconfirmed(recorded_problem("the answer was lost"))
THREAD = ("The second part.", "The third part.")
WHOLE = ["A title", *THREAD]
LONG_BODY = " ".join(f"Cell number {number} rests in a quiet place of its own." for number in range(1, 13))


class Bench:
    """Holds a delivery with two replies to come, a worker, and a platform in memory."""

    def __init__(self, database: Database, clock: FixedClock) -> None:
        self.database = database
        self.clock = clock
        self.platform = FakePlatform()
        self.channels = FakeChannels(self.platform, fake_profile())
        self.first = add_delivery(database, clock.now(), thread=THREAD)

    def worker(self, milestone: Milestone = lambda *_: None) -> Worker:
        jitter = random.Random(7)
        return Worker(
            DeliveryContext(self.database, self.channels, FakeRenderer(), self.clock, SETTINGS),
            owner="me",
            jitter=jitter,
            milestone=milestone,
        )

    def drain(self) -> int:
        return self.worker().drain("fake")

    def drain_for(self, **duration: float) -> None:
        """Advances the clock, and works whenever something is due."""
        pass_time(self.database, self.clock, self.drain, timedelta(**duration))

    def publish_first(self) -> Delivery:
        """Publishes the first part, and returns the second."""
        assert self.drain() == 1
        (_, second) = self.parts()
        return second

    def parts(self) -> list[Delivery]:
        with self.database.reading() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.part)))

    def states(self) -> list[str]:
        return [row.state for row in self.parts()]

    def public(self) -> list[str]:
        return [post.caption for _, post in self.platform.posts]

    def assert_whole(self) -> None:
        """Three requests, three posts, each reply below the one before it."""
        assert (self.public(), self.states()) == (WHOLE, ["published"] * 3)
        assert len(self.platform.publish_calls) == 3
        ids = [row.remote_id for row in self.parts()]
        assert [post.reply_to for _, post in self.platform.posts] == ["", *ids[:2]]


@pytest.fixture
def bench(database: Database, clock: FixedClock) -> Bench:
    return Bench(database, clock)


def test_three_parts_are_three_posts_in_order(bench: Bench) -> None:
    bench.drain_for(minutes=2)
    bench.assert_whole()
    first, second, third = bench.parts()
    assert [row.place for row in (first, second, third)] == ["fake", "fake, part 2", "fake, part 3"]
    assert [len(row.adapted["images"]) for row in (first, second, third)] == [1, 0, 0]
    assert {row.expires_at for row in (second, third)} == {NEVER_TOO_LATE}
    assert [row.problem for row in bench.parts()] == [None, None, None]
    with bench.database.reading() as session:
        read_back = session.scalars(select(Attempt.outcome).where(Attempt.kind == "verify")).all()
    assert read_back == ["as-sent"] * 3


def test_a_reply_waits_until_the_platform_knows_what_it_answers(bench: Bench) -> None:
    second = bench.publish_first()
    assert second.due_at - bench.clock.now() == timedelta(seconds=5)
    bench.clock.advance(seconds=4.9)
    assert bench.drain() == 0
    bench.clock.advance(seconds=0.1)
    assert bench.drain() == 1
    assert bench.public() == WHOLE[:2]


def test_a_post_without_a_rest_opens_nothing(database: Database, clock: FixedClock) -> None:
    bench = Bench(database, clock)
    alone = add_delivery(database, clock.now(), day_offset=1)
    bench.drain_for(minutes=2)
    assert the_delivery(database, alone).state == "published"
    assert bench.public() == ["A title", "A title", *THREAD]


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("failure", ["request", "answer"])
def test_a_lost_part_is_looked_up_and_the_rest_follows_once(bench: Bench, part: int, failure: str) -> None:
    calls = 0

    def strike() -> None:
        nonlocal calls
        if calls == part:
            (bench.platform.before if failure == "request" else bench.platform.after).append(LOST_ANSWER)
        calls += 1

    bench.platform.while_publishing = strike
    bench.drain_for(minutes=20)
    assert (bench.public(), bench.states()) == (WHOLE, ["published"] * 3)
    assert len(bench.platform.publish_calls) == (4 if failure == "request" else 3)


def test_a_refused_part_ends_the_thread_and_leaves_what_stands(bench: Bench) -> None:
    bench.publish_first()
    bench.platform.before = [ContentRejected(recorded_problem("no replies here"))]
    bench.drain_for(hours=2)
    assert (bench.public(), bench.states()) == (WHOLE[:1], ["published", "failed"])
    _, second = bench.parts()
    assert str(second.problem) == "no replies here"
    operate.retry(bench.database, second.id, now=bench.clock.now(), actor="me")
    bench.drain_for(minutes=2)
    assert bench.public() == WHOLE


def test_a_canceled_part_ends_the_thread(bench: Bench) -> None:
    second = bench.publish_first()
    operate.cancel(bench.database, second.id, now=bench.clock.now(), actor="me")
    bench.drain_for(hours=1)
    assert (bench.public(), bench.states()) == (WHOLE[:1], ["published", "canceled"])


def test_a_thread_that_has_begun_is_completed_however_late_it_gets(bench: Bench) -> None:
    bench.publish_first()
    bench.platform.before = [Unavailable(recorded_problem("X was not reached"))] * 1000
    bench.drain_for(minutes=2)
    bench.clock.instant = bench.parts()[0].expires_at + timedelta(days=3)
    assert miss_expired(bench.database, bench.clock.now()) == []
    bench.platform.before = []
    bench.drain_for(minutes=30)
    assert (bench.public(), bench.states()) == (WHOLE, ["published"] * 3)


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("milestone", ["claimed", "prepared", "committed", "answered", "recorded"])
def test_a_worker_that_is_gone_at_a_part_is_made_up_for(bench: Bench, part: int, milestone: str) -> None:
    """As after a kill: what is not on disk is lost, the next worker goes on from there."""

    class Killed(BaseException):
        """Ends a worker where a signal would."""

    passed = 0

    def reach(name: str, _delivery: int) -> None:
        nonlocal passed
        if name == milestone:
            passed += 1
            if passed == part + 1:
                raise Killed

    def work_until_killed() -> None:
        for _ in range(20):
            bench.worker(reach).drain("fake")
            bench.clock.advance(seconds=5)

    with pytest.raises(Killed):
        work_until_killed()
    bench.clock.advance(minutes=2)
    bench.drain_for(minutes=20)
    bench.assert_whole()


def test_a_part_is_opened_once_however_often_it_is_asked_for(bench: Bench) -> None:
    bench.publish_first()
    with bench.database.writing() as session:
        lifecycle.continue_thread(session, bench.first, bench.clock.now(), new_post=True)
    assert len(bench.parts()) == 2
    with bench.database.reading() as session:
        assert session.scalars(select(Event.delivery_id).where(Event.name == "reply opened before")).all() == [
            bench.first
        ]
    bench.drain_for(minutes=2)
    bench.assert_whole()


def test_the_database_itself_refuses_a_second_delivery_of_a_part(bench: Bench) -> None:
    now = bench.clock.now()
    with bench.database.writing() as session:
        pick = session.scalars(select(Pick)).one()
        with pytest.raises(IntegrityError, match=r"delivery\.pick_id, delivery\.channel_name, delivery\.part"):
            open_delivery(
                session,
                NewDelivery(pick=pick, channel="fake", adapted=adapted_post(), due_at=now, expires_at=now),
                now=now,
            )
        session.rollback()


def test_an_edit_reaches_no_reply(bench: Bench) -> None:
    second = bench.publish_first()
    with bench.database.writing() as session:
        row = session.get_one(Delivery, second.id)
        session.get_one(Post, row.pick.post_id).approved_version = 1
        session.flush()
        assert not replace_adapted(session, row, adapted_post("Another"), bench.clock.now(), version=1)
        with pytest.raises(NotApprovedText):
            replace_adapted(session, row, adapted_post("Another"), bench.clock.now(), version=2)
    bench.drain_for(minutes=2)
    bench.assert_whole()


# --- posts that were found, or settled by a person -------------------------------------------


def test_after_a_restore_nothing_of_the_thread_goes_out_again(bench: Bench) -> None:
    """The backup was made before the first part; the lost desk published two of three."""
    with bench.database.reading() as session:
        before = session.get_one(Delivery, bench.first)
    second = bench.publish_first()
    bench.clock.advance(seconds=5)
    bench.drain()
    assert bench.public() == WHOLE[:2]
    with bench.database.writing() as session:
        for model in (Attempt, Event, Delivery):
            for row in session.scalars(select(model)).all():
                session.delete(row)
    with bench.database.writing() as session:
        pick = session.scalars(select(Pick)).one()
        again = open_delivery(
            session,
            NewDelivery(
                pick=pick,
                channel="fake",
                adapted=AdaptedPost.model_validate(before.adapted),
                due_at=before.due_at,
                expires_at=before.expires_at,
            ),
            now=before.due_at,
        )
        again.token = before.token
    bench.clock.advance(minutes=10)
    with bench.database.writing() as session:
        assert (
            len(restore_deliveries(session, bench.clock.now(), lambda row: f"key-{row.token}", since=bench.clock.now()))
            == 1
        )
    bench.drain_for(minutes=30)
    bench.assert_whole()
    assert bench.parts()[1].token == second.token


def test_a_first_post_settled_by_a_person_goes_on_below_it(bench: Bench) -> None:
    bench.platform.before = [ContentRejected(recorded_problem("no"))]
    bench.drain()
    post = AdoptionRequest(bench.first, "https://fake.example/status/77")
    adopt(bench.database, bench.channels, post, now=bench.clock.now(), actor="me")
    bench.drain_for(seconds=30)
    assert (bench.public(), bench.states()) == ([], ["published", "unconfirmed"])
    bench.drain_for(minutes=20)
    assert bench.public() == list(THREAD)
    assert bench.platform.posts[0][1].reply_to == "id-77"


def test_a_canceled_post_that_is_public_is_continued_only_by_a_person(bench: Bench) -> None:
    bench.platform.while_publishing = lambda: None
    bench.platform.after = [LOST_ANSWER]
    bench.drain()
    operate.cancel(bench.database, bench.first, now=bench.clock.now(), actor="me")
    publication = Publication(remote_id="id-late", url="https://fake.example/late")
    with bench.database.writing() as session:
        assert record_late_success(session, bench.first, publication, bench.clock.now())
    bench.drain_for(minutes=20)
    assert (bench.public(), bench.states()) == (WHOLE[:1], ["published", "held"])
    assert "was canceled and is public nevertheless" in str(bench.parts()[1].problem)
    with pytest.raises(ActRefused, match="--i-have-looked"):
        operate.retry(bench.database, bench.parts()[1].id, now=bench.clock.now(), actor="me")


def test_a_late_success_opens_the_reply_once(bench: Bench) -> None:
    def lose_the_lease() -> None:
        bench.platform.while_publishing = None
        bench.clock.advance(seconds=3600)
        recover_lost(bench.database, bench.clock.now(), timedelta(hours=9), lambda owner: False)

    bench.platform.while_publishing = lose_the_lease
    bench.drain()
    assert [row.part for row in bench.parts()] == [0, 1]
    bench.drain_for(minutes=20)
    bench.assert_whole()


def test_a_reply_holds_the_channel_like_any_delivery(bench: Bench) -> None:
    bench.publish_first()
    bench.clock.advance(seconds=5)
    add_delivery(bench.database, bench.clock.now(), day_offset=1)
    lease = timedelta(seconds=30)
    assert claim(bench.database, "fake", owner="a", now=bench.clock.now(), lease=lease)
    assert claim(bench.database, "fake", owner="b", now=bench.clock.now(), lease=lease) is None


# --- through the adapter and the sandbox's X -------------------------------------------------


@pytest.mark.parametrize("fault", ["", "drop-after", "504-after", "drop-before", "429"])
def test_x_shows_a_long_text_as_one_thread(open_outlet: OpenOutlet, fault: str) -> None:
    outlet = open_outlet("x", channel_settings="thread = true\n")
    # X may ask to wait, and the day must be longer than that.
    outlet.shift_to_slot()
    outlet.add_post(body=LONG_BODY)
    outlet.pick()
    if fault:
        outlet.sandbox_servers.faults.add("x", Fault(fault, 0.0), 2)
    outlet.run_until_idle(steps=120)
    with outlet.desk.database.reading() as session:
        rows = list(session.scalars(select(Delivery).order_by(Delivery.part)))
    copies = outlet.copies("x")
    assert len(copies) >= 3
    assert [row.remote_id for row in rows] == [copy.id for copy in copies]
    assert [copy.detail["reply_to"] for copy in copies] == ["", *[copy.id for copy in copies[:-1]]]
    assert [len(copy.images) for copy in copies] == [1] + [0] * (len(copies) - 1)
    assert {(row.state, row.problem) for row in rows} == {("published", None)}
    captions = " ".join(copy.caption for copy in copies)
    assert [number for number in range(1, 13) if f"Cell number {number} rests" not in captions] == []
    assert differences(rows, [copy.as_json() for copy in copies], outlet.desk.renderer) == []


def test_an_edit_changes_the_whole_thread_until_its_first_part_is_public(
    open_outlet: OpenOutlet,
) -> None:
    outlet = open_outlet("x", channel_settings="thread = true\n")
    desk = outlet.desk
    post = outlet.add_post(body=LONG_BODY)
    outlet.pick()

    def edit(body: str) -> EditOutcome:
        return PostQueue(desk).edit(post, PostChanges(body=body))

    assert edit(LONG_BODY.replace("quiet", "silent")).applies_to == ("x",)
    approval = PostQueue(desk, "editor").approve(post)
    assert approval.reach.applies_to == ("x",)
    outlet.run_until_idle()
    outcome = edit(LONG_BODY)
    assert (outcome.applies_to, outcome.too_late) == ((), ("x",))
    outlet.run_until_idle()
    assert len(outlet.copies("x")) >= 3
    assert [copy.caption for copy in outlet.copies("x") if "quiet place" in copy.caption] == []


def test_operators_see_which_part_a_delivery_is(open_outlet: OpenOutlet) -> None:
    outlet = open_outlet("x", channel_settings="thread = true\n")
    outlet.add_post(body=LONG_BODY)
    outlet.pick()
    outlet.run_until_idle()
    second = outlet.copies("x")[1]

    def run(*arguments: str) -> str:
        command = ["--config", str(outlet.config), *arguments]
        return CliRunner(env={"COLUMNS": "200"}).invoke(cli, command, catch_exceptions=False).output

    assert [row["part"] for row in json.loads(run("deliveries", "--json"))][:3] == [1, 2, 3]
    assert "X, part 2" in run("deliveries")
    life = run("log", "2")
    assert "X, part 2" in life
    assert f"answers: {second.detail['reply_to']}" in life


def test_x_that_refuses_replies_leaves_the_first_post(open_outlet: OpenOutlet, monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = open_outlet("x", channel_settings="thread = true\n")
    sandbox = outlet.sandbox(XSandbox)
    monkeypatch.setattr(sandbox, "refuse_replies", True)
    outlet.add_post(body=LONG_BODY)
    outlet.pick()
    outlet.run_until_idle()
    assert len(outlet.copies("x")) == 1
    last = outlet.deliveries()["x"]
    assert (last.part, last.state) == (1, "failed")
    assert str(last.problem).endswith("what was posted before it stands, and the thread ends there")
