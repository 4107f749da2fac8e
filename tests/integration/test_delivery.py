"""Tests that each end of a try leads to the right state, with a worker and a platform in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from publisher.core.clock import FixedClock
from publisher.core.content import AdaptedPost, Preparation, Publication
from publisher.core.problems import recorded_problem
from publisher.core.states import State
from publisher.db.models import Attempt, Delivery, Event
from publisher.db.operations import Channel
from publisher.db.problem_column import read_recorded
from publisher.db.session import Database
from publisher.delivery import operate
from publisher.delivery.act_refusals import ActRefused
from publisher.delivery.adopt import AdoptionRequest, adopt
from publisher.delivery.claim import claim
from publisher.delivery.context import DeliveryContext
from publisher.delivery.due import due_channels, miss_expired, recover_lost
from publisher.delivery.problem_codes import ChannelProblem, UnknownOutcomeProblem
from publisher.delivery.worker import Milestone, Worker
from publisher.lifecycle import next_token
from publisher.lifecycle_restore import restore_deliveries
from publisher.platforms.abilities import NOTHING_PREPARED
from publisher.platforms.base import KeySeed, UploadedMedia
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    RateLimited,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.settings import DeliverySettings
from tests.conftest import on_every_database
from tests.fakes import (
    BlindAdapter,
    FakeAdapter,
    FakeChannels,
    FakePlatform,
    FakeRenderer,
    add_delivery,
    fake_profile,
    pass_time,
    the_delivery,
)

SETTINGS = DeliverySettings(lease_seconds=30, look_up_after=(10, 60, 300), retry_seconds=20)
LOST_ANSWER = Unconfirmed(recorded_problem("the answer was lost"))


class Bench:
    """Holds a worker, its platform in memory, and a clock that is moved by hand."""

    def __init__(self, database: Database, clock: FixedClock, adapter: type[FakeAdapter] = FakeAdapter) -> None:
        self.database = database
        self.clock = clock
        self.platform = FakePlatform()
        self.channels = FakeChannels(self.platform, fake_profile(), adapter)
        self.renderer = FakeRenderer()

    def worker(self, owner: str = "me", milestone: Milestone = lambda *_: None) -> Worker:
        return Worker(
            DeliveryContext(self.database, self.channels, self.renderer, self.clock, SETTINGS),
            owner=owner,
            jitter=random.Random(7),
            milestone=milestone,
        )

    def row_attempts(self, delivery: int) -> list[tuple[str | None, str]]:
        query = select(Attempt.outcome, Attempt.detail).where(Attempt.delivery_id == delivery).order_by(Attempt.id)
        with self.database.reading() as session:
            return [(outcome, detail) for outcome, detail in session.execute(query)]

    def drain(self) -> int:
        return self.worker().drain("fake")

    def drain_for(self, **duration: float) -> None:
        """Advances the clock, and works whenever something is due."""
        pass_time(self.database, self.clock, self.drain, timedelta(**duration))

    @property
    def copies(self) -> int:
        return len(self.platform.posts)


@pytest.fixture
def bench(database: Database, clock: FixedClock) -> Bench:
    return Bench(database, clock)


@on_every_database
def test_a_due_delivery_is_published_once_and_read_back(bench: Bench) -> None:
    delivery = add_delivery(bench.database, bench.clock.now())
    assert bench.drain() == 1
    row = the_delivery(bench.database, delivery)
    assert (row.state, row.remote_id, row.lease_until) == ("published", f"id-key-{row.token}", None)
    bench.drain_for(minutes=2)
    assert bench.copies == 1
    with bench.database.reading() as session:
        attempts = list(session.scalars(select(Attempt).order_by(Attempt.id)))
    assert [(attempt.kind, attempt.outcome) for attempt in attempts] == [("send", "published"), ("verify", "as-sent")]


def test_nothing_leaves_before_its_time(bench: Bench) -> None:
    add_delivery(bench.database, bench.clock.now(), due_at=bench.clock.now() + timedelta(seconds=1))
    assert bench.drain() == 0
    with bench.database.reading() as session:
        assert due_channels(session, bench.clock.now()) == []
    bench.clock.advance(seconds=1)
    with bench.database.reading() as session:
        assert due_channels(session, bench.clock.now()) == ["fake"]
    assert bench.drain() == 1


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (UnsupportedContent(recorded_problem("no")), State.HELD),
        (ContentRejected(recorded_problem("no")), State.FAILED),
        (CredentialsRefused(recorded_problem("no")), State.HELD),
        (Unavailable(recorded_problem("no")), State.PENDING),
        (LOST_ANSWER, State.UNCONFIRMED),
        (KeyError("surprise"), State.UNCONFIRMED),
    ],
)
def test_each_end_of_the_publishing_request_has_its_state(bench: Bench, error: Exception, state: State) -> None:
    bench.platform.before = [error]
    bench.platform.account_trouble = error if isinstance(error, CredentialsRefused) else None
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain()
    row = the_delivery(bench.database, delivery)
    assert row.state == state
    assert row.problem


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (UnsupportedContent(recorded_problem("no")), State.HELD),
        (CredentialsRefused(recorded_problem("no")), State.HELD),
        (Unavailable(recorded_problem("no")), State.PENDING),
        (KeyError("surprise"), State.PENDING),
        (LOST_ANSWER, State.PENDING),
    ],
)
def test_trouble_before_the_send_never_leaves_an_unknown_outcome(bench: Bench, error: Exception, state: State) -> None:
    bench.platform.on_upload = [error]
    bench.platform.account_trouble = error if isinstance(error, CredentialsRefused) else None
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain()
    row = the_delivery(bench.database, delivery)
    assert (row.state, row.unknown_since, row.sent_at) == (state, None, None)
    assert bench.platform.publish_calls == []


@on_every_database
def test_a_lost_answer_is_found_and_never_sent_again(bench: Bench) -> None:
    bench.platform.after = [LOST_ANSWER]
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain_for(minutes=10)
    row = the_delivery(bench.database, delivery)
    assert (row.state, row.remote_url) == ("published", f"https://fake.example/key-{row.token}")
    assert len(bench.platform.publish_calls) == bench.copies == 1


@on_every_database
def test_what_a_request_led_to_is_recorded_whatever_its_error_holds(bench: Bench) -> None:
    """A value that can't be stored or shown would else leave the delivery with its worker."""
    odd = ChannelProblem.PAUSED_BY_PERSON(reason=["\ud83d\0", float("inf"), FakePlatform, {"a": {1}}])
    bench.platform.before = [Unconfirmed(UnknownOutcomeProblem.NO_CLEAR_ANSWER(answer=odd), answer="odd")]
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain()
    row = the_delivery(bench.database, delivery)
    assert (row.state, bench.row_attempts(delivery)) == ("unconfirmed", [("publication-unconfirmed", "odd")])
    assert row.problem is not None
    assert row.problem.code is UnknownOutcomeProblem.NO_CLEAR_ANSWER
    with bench.database.reading() as session:
        event = session.scalars(select(Event).where(Event.name == "delivery unconfirmed")).one()
        assert read_recorded(event.detail["problem"]) == row.problem
        assert session.scalars(select(Attempt)).one().problem == row.problem.parameters["answer"]


@on_every_database
def test_a_lost_request_goes_out_again_only_after_two_clean_look_ups(bench: Bench) -> None:
    bench.platform.before = [LOST_ANSWER]
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain()
    bench.clock.advance(seconds=11)
    bench.drain()
    assert the_delivery(bench.database, delivery).state == "unconfirmed"
    assert len(bench.platform.publish_calls) == 1
    bench.drain_for(minutes=10)
    row = the_delivery(bench.database, delivery)
    assert (row.state, bench.copies) == ("published", 1)
    assert bench.platform.publish_calls == [f"key-{row.token}"] * 2


def test_requests_that_get_lost_again_and_again_end_with_a_person(bench: Bench) -> None:
    bench.platform.before = [LOST_ANSWER] * 100
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain_for(minutes=60)
    row = the_delivery(bench.database, delivery)
    assert (row.state, len(bench.platform.publish_calls)) == ("held", 5)
    assert "5 requests got no answer" in str(row.problem)


def test_absence_before_the_listing_has_caught_up_does_not_count(bench: Bench) -> None:
    bench.channels._profile = fake_profile(settle=400)
    bench.platform.after = [LOST_ANSWER]
    bench.platform.hidden = True
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain_for(seconds=350)
    row = the_delivery(bench.database, delivery)
    assert (row.state, row.lookups, row.clean_lookups) == ("unconfirmed", 3, 3)
    bench.platform.hidden = False
    bench.drain_for(minutes=10)
    assert the_delivery(bench.database, delivery).state == "published"
    assert bench.copies == 1


def test_a_look_up_without_an_answer_is_put_again(bench: Bench) -> None:
    bench.platform.after = [LOST_ANSWER]
    bench.platform.on_find = [
        Unavailable(recorded_problem("down")),
        KeyError("surprise"),
        Unavailable(recorded_problem("down")),
    ]
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain_for(minutes=20)
    assert the_delivery(bench.database, delivery).state == "published"
    assert bench.copies == 1


def test_a_platform_that_never_answers_is_handed_to_a_person(bench: Bench) -> None:
    bench.platform.after = [LOST_ANSWER]
    bench.platform.on_find = [Unavailable(recorded_problem("down"))] * 2000
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain()
    for _ in range(300):
        bench.clock.advance(minutes=5)
        bench.drain()
    row = the_delivery(bench.database, delivery)
    assert row.state == "held"
    assert "A title" in str(row.problem)
    assert bench.copies == 1


def test_a_platform_that_cannot_be_searched_asks_a_person(database: Database, clock: FixedClock) -> None:
    bench = Bench(database, clock, BlindAdapter)
    bench.platform.after = [LOST_ANSWER]
    delivery = add_delivery(database, clock.now())
    bench.drain_for(minutes=10)
    row = the_delivery(database, delivery)
    assert row.state == "held"
    with pytest.raises(ActRefused, match="--i-have-looked"):
        operate.retry(database, delivery, now=clock.now(), actor="me")
    assert bench.copies == 1
    post = AdoptionRequest(delivery, "https://fake.example/status/77")
    adopt(database, bench.channels, post, now=clock.now(), actor="me")
    assert the_delivery(database, delivery).remote_id == "id-77"


def test_a_rate_limit_is_honoured_to_the_second(bench: Bench) -> None:
    until = bench.clock.now() + timedelta(seconds=1234)
    bench.platform.before = [RateLimited(recorded_problem("wait"), retry_at=until)]
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain()
    assert the_delivery(bench.database, delivery).due_at == until
    bench.clock.instant = until - timedelta(seconds=1)
    assert bench.drain() == 0
    bench.clock.instant = until
    assert bench.drain() == 1
    assert bench.copies == 1


@on_every_database
def test_refused_credentials_pause_the_channel_until_it_is_resumed(bench: Bench) -> None:
    bench.platform.before = [CredentialsRefused(recorded_problem("connect it again"))]
    bench.platform.account_trouble = CredentialsRefused(recorded_problem("connect it again"))
    first = add_delivery(bench.database, bench.clock.now())
    second = add_delivery(bench.database, bench.clock.now(), day_offset=1)
    bench.drain_for(minutes=10)
    with bench.database.reading() as session:
        channel = session.get_one(Channel, "fake")
        events = session.scalars(select(Event).where(Event.name == "channel paused")).all()
    assert str(channel.pause_problem) == "connect it again"
    assert len(events) == 1
    assert [the_delivery(bench.database, row).state for row in (first, second)] == ["held", "pending"]
    bench.platform.account_trouble = None
    assert operate.resume(bench.database, "fake", now=bench.clock.now(), actor="me")
    operate.retry(bench.database, first, now=bench.clock.now(), actor="me")
    bench.drain_for(minutes=1)
    assert [the_delivery(bench.database, row).state for row in (first, second)] == ["published", "published"]


@on_every_database
def test_two_workers_never_hold_one_delivery(bench: Bench) -> None:
    add_delivery(bench.database, bench.clock.now())
    lease = timedelta(seconds=30)
    first = claim(bench.database, "fake", owner="a", now=bench.clock.now(), lease=lease)
    assert first is not None
    assert claim(bench.database, "fake", owner="b", now=bench.clock.now(), lease=lease) is None


@on_every_database
def test_one_delivery_at_a_time_per_channel(bench: Bench) -> None:
    add_delivery(bench.database, bench.clock.now())
    add_delivery(bench.database, bench.clock.now(), day_offset=1)
    lease = timedelta(seconds=30)
    assert claim(bench.database, "fake", owner="a", now=bench.clock.now(), lease=lease)
    assert claim(bench.database, "fake", owner="b", now=bench.clock.now(), lease=lease) is None


class NarrowAdapter(FakeAdapter):
    """Has few idempotency keys, as Instagram's are few among posts of one hour."""

    @classmethod
    def idempotency_key(cls, seed: KeySeed) -> str:
        return f"key-{seed.token[:1]}"


@on_every_database
def test_posts_with_the_same_key_go_out_under_keys_of_their_own(database: Database, clock: FixedClock) -> None:
    bench = Bench(database, clock, NarrowAdapter)
    deliveries = [add_delivery(database, clock.now(), day_offset=day) for day in range(2)]
    with database.writing() as session:
        for delivery, token in zip(deliveries, ("7aaaaaaaaaaa", "7bbbbbbbbbbb"), strict=True):
            session.get_one(Delivery, delivery).token = token
    bench.drain_for(minutes=10)
    published = [the_delivery(database, delivery) for delivery in deliveries]
    assert [delivery.state for delivery in published] == ["published", "published"]
    assert published[0].idempotency_key == "key-7"
    assert len({key for key, _ in bench.platform.posts}) == 2
    assert published[1].token == next_token("7bbbbbbbbbbb")
    assert published[1].idempotency_key == f"key-{published[1].token[:1]}"


@on_every_database
def test_of_two_deliveries_that_take_one_key_the_second_takes_another(database: Database, clock: FixedClock) -> None:
    bench = Bench(database, clock, NarrowAdapter)
    deliveries = [add_delivery(database, clock.now(), channel=name, day_offset=day) for day, name in enumerate("ab")]
    with database.writing() as session:
        for delivery, token in zip(deliveries, ("7aaaaaaaaaaa", "7bbbbbbbbbbb"), strict=True):
            session.get_one(Delivery, delivery).token = token

    def be_overtaken(name: str, delivery: int) -> None:
        if (name, delivery) == ("prepared", deliveries[1]):
            bench.worker("another").drain("a")

    assert bench.worker(milestone=be_overtaken).drain("b") == 1
    waits = the_delivery(database, deliveries[1])
    assert (waits.state, str(waits.problem)) == (
        "pending",
        "Another post took this one's key at the same moment; it gets one of its own",
    )
    pass_time(database, clock, lambda: bench.worker().drain("b"), timedelta(minutes=5))
    assert [the_delivery(database, delivery).state for delivery in deliveries] == ["published", "published"]
    assert len({key for key, _ in bench.platform.posts}) == 2


@on_every_database
def test_a_restored_desk_comes_to_the_keys_that_the_lost_one_used(database: Database, clock: FixedClock) -> None:
    """Both fell due since the backup; the lost desk published them, and the second one under its second key."""
    deliveries = [add_delivery(database, clock.now(), day_offset=day) for day in range(2)]
    with database.writing() as session:
        for delivery, token in zip(deliveries, ("7aaaaaaaaaaa", "7bbbbbbbbbbb"), strict=True):
            session.get_one(Delivery, delivery).token = token
        restored = restore_deliveries(
            session, clock.now(), lambda delivery: f"key-{delivery.token[:1]}", since=clock.now()
        )
        assert [delivery.idempotency_key for delivery in restored] == ["key-7", f"key-{next_token('7bbbbbbbbbbb')[:1]}"]


@on_every_database
def test_a_post_that_every_worker_is_lost_over_is_handed_to_a_person(bench: Bench) -> None:
    """Such as a picture that no machine survives: nothing of it may go on for ever, and the others must go out."""
    delivery = add_delivery(bench.database, bench.clock.now())

    def lose_a_worker() -> Delivery:
        now = bench.clock.now()
        assert claim(bench.database, "fake", owner="lost", now=now, lease=timedelta(seconds=30))
        recover_lost(bench.database, now, timedelta(seconds=10), lambda owner: True)
        return the_delivery(bench.database, delivery)

    pauses = []
    while (row := lose_a_worker()).state == "pending":
        pauses.append((row.due_at - bench.clock.now()).total_seconds())
        bench.clock.instant = row.due_at
    assert pauses == [0, 0, 30, 60, 120]
    assert row.state == "held"
    assert str(row.problem) == (
        "6 workers in a row were gone while they prepared it; nothing was sent. "
        f"Look at what the log says last of delivery {delivery}. Then: publisher retry {delivery}"
    )
    operate.retry(bench.database, delivery, now=bench.clock.now(), actor="somebody")
    assert the_delivery(bench.database, delivery).lost_workers == 0
    bench.drain()
    assert bench.copies == 1


@on_every_database
def test_a_worker_that_gets_on_makes_up_for_those_that_were_lost(bench: Bench) -> None:
    delivery = add_delivery(bench.database, bench.clock.now())
    now = bench.clock.now()
    assert claim(bench.database, "fake", owner="lost", now=now, lease=timedelta(seconds=30))
    recover_lost(bench.database, now, timedelta(seconds=10), lambda owner: True)
    assert the_delivery(bench.database, delivery).lost_workers == 1
    bench.platform.on_upload = [Unavailable(recorded_problem("no answer"))]
    bench.drain()
    assert (the_delivery(bench.database, delivery).state, the_delivery(bench.database, delivery).lost_workers) == (
        "pending",
        0,
    )


@on_every_database
@pytest.mark.parametrize("milestone", ["claimed", "prepared", "committed"])
def test_a_worker_that_lost_its_lease_sends_nothing_or_records_truth(bench: Bench, milestone: str) -> None:
    """Another worker takes over and publishes while the first one is away at a milestone."""
    delivery = add_delivery(bench.database, bench.clock.now())

    def be_away(name: str, _delivery: int) -> None:
        if name == milestone:
            bench.clock.advance(seconds=3600)
            recover_lost(bench.database, bench.clock.now(), timedelta(seconds=10), lambda owner: False)
            if milestone != "committed":
                bench.drain()

    bench.worker(milestone=be_away).drain("fake")
    bench.drain_for(minutes=30)
    assert the_delivery(bench.database, delivery).state == "published"
    assert bench.copies == 1


@on_every_database
def test_a_late_success_is_recorded_as_the_truth(bench: Bench) -> None:
    delivery = add_delivery(bench.database, bench.clock.now())

    def lose_the_lease() -> None:
        bench.platform.while_publishing = None
        bench.clock.advance(seconds=3600)
        recover_lost(bench.database, bench.clock.now(), timedelta(hours=9), lambda owner: False)
        assert the_delivery(bench.database, delivery).state == "unconfirmed"

    bench.platform.while_publishing = lose_the_lease
    bench.drain()
    assert the_delivery(bench.database, delivery).state == "published"
    assert bench.copies == 1
    with bench.database.reading() as session:
        kinds = list(session.scalars(select(Attempt.kind).order_by(Attempt.id)))
    assert kinds == ["send", "verify"], "it is read back like any other post"


@on_every_database
def test_an_owner_that_is_surely_gone_is_not_waited_for(bench: Bench) -> None:
    delivery = add_delivery(bench.database, bench.clock.now())
    claim(bench.database, "fake", owner="gone", now=bench.clock.now(), lease=timedelta(hours=1))
    recovered = recover_lost(bench.database, bench.clock.now(), timedelta(seconds=10), lambda owner: owner == "gone")
    assert recovered == [delivery]
    assert bench.drain() == 1
    assert bench.copies == 1


def test_what_is_too_late_is_missed_and_says_why(bench: Bench) -> None:
    bench.platform.before = [Unavailable(recorded_problem("Tumblr was not reached"))] * 1000
    delivery = add_delivery(bench.database, bench.clock.now(), expires_in=timedelta(hours=1))
    bench.drain_for(minutes=59)
    assert the_delivery(bench.database, delivery).state == "pending"
    bench.clock.advance(minutes=1)
    assert bench.drain() == 0
    assert miss_expired(bench.database, bench.clock.now()) == [delivery]
    row = the_delivery(bench.database, delivery)
    assert row.state == "missed"
    assert "Tumblr was not reached" in str(row.problem)
    bench.platform.before = []
    operate.retry(bench.database, delivery, now=bench.clock.now(), actor="me")
    bench.drain()
    assert bench.copies == 1


def test_backoff_grows_and_has_an_end(bench: Bench) -> None:
    bench.platform.before = [Unavailable(recorded_problem("down"))] * 1000
    delivery = add_delivery(bench.database, bench.clock.now())
    pauses = []
    for _ in range(14):
        bench.drain()
        due = the_delivery(bench.database, delivery).due_at
        pauses.append(due - bench.clock.now())
        bench.clock.instant = due
    assert all(timedelta(seconds=1) <= pause <= timedelta(minutes=15) for pause in pauses)
    assert max(pauses[8:]) > max(pauses[:3])


class OneUnavailable(FakeAdapter):
    """Refuses one post as unavailable every time, and takes all others."""

    def publish(
        self,
        post: AdaptedPost,
        media: Sequence[UploadedMedia],
        *,
        idempotency_key: str,
        preparation: Preparation = NOTHING_PREPARED,
    ) -> Publication:
        if post.title == "Never":
            raise Unavailable(recorded_problem("later"))
        return super().publish(post, media, idempotency_key=idempotency_key, preparation=preparation)


def test_one_post_that_never_goes_out_keeps_no_other_back(database: Database, clock: FixedClock) -> None:
    bench = Bench(database, clock, OneUnavailable)
    never = add_delivery(database, clock.now(), title="Never", expires_in=timedelta(days=30))
    bench.drain_for(hours=2)
    # It is picked while the pauses of the other one are long already, and comes due inside of one.
    other = add_delivery(database, clock.now(), day_offset=1, due_at=clock.now() + timedelta(hours=2))
    bench.drain_for(hours=3)
    assert the_delivery(database, other).state == "published"
    assert the_delivery(database, never).state == "pending"


def test_a_missing_alt_text_is_reported_and_not_mended_by_a_copy(bench: Bench) -> None:
    bench.platform.shown_alt_text = ""
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain_for(minutes=5)
    row = the_delivery(bench.database, delivery)
    assert (row.state, "picture 1 has no alt text" in str(row.problem)) == ("published", True)
    assert bench.copies == 1


@on_every_database
@pytest.mark.parametrize("act", ["retry", "adopt", "cancel"])
def test_what_is_public_stays_as_it_is(bench: Bench, act: str) -> None:
    delivery = add_delivery(bench.database, bench.clock.now())
    bench.drain()
    now = bench.clock.now()
    acts: dict[str, Callable[[], object]] = {
        "retry": lambda: operate.retry(bench.database, delivery, now=now, actor="me", i_have_looked=True),
        "adopt": lambda: adopt(
            bench.database, bench.channels, AdoptionRequest(delivery, "https://fake.example/1"), now=now, actor="me"
        ),
        "cancel": lambda: operate.cancel(bench.database, delivery, now=now, actor="me"),
    }
    with pytest.raises(ActRefused, match="is published: https://fake"):
        acts[act]()
