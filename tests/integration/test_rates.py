"""Tests that quotas, waits, costs and failures are stored in rows, so that a restart forgets none of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from publisher.core.clock import FixedClock
from publisher.core.content import PublishedPost
from publisher.core.problems import recorded_problem
from publisher.db import operations
from publisher.db.base import Base
from publisher.db.models import Attempt, Delivery, Event
from publisher.db.operations import Channel
from publisher.db.session import Database
from publisher.delivery import operate, quotas
from publisher.delivery.context import DeliveryContext
from publisher.delivery.failure_streak import channel_failures
from publisher.delivery.outcomes import Pace
from publisher.delivery.worker import Worker
from publisher.platforms.base import KeySeed, Quota, QuotaKind
from publisher.platforms.errors import (
    ContentRejected,
    CredentialsRefused,
    RateLimited,
    TextRemembered,
    Unavailable,
    Unconfirmed,
    UnsupportedContent,
)
from publisher.platforms.profiles import Prices
from publisher.settings import DeliverySettings
from tests.fakes import (
    FakeAdapter,
    FakeChannels,
    FakePlatform,
    FakeRenderer,
    add_delivery,
    fake_profile,
    next_due,
    the_delivery,
)

SETTINGS = DeliverySettings(lease_seconds=30, look_up_after=(10, 60, 300), retry_seconds=20)
PRICES = Prices(post=0.1, post_with_link=1.0, alt_text=0.01)
QUARTER = timedelta(minutes=15)


class AskableAdapter(FakeAdapter):
    """Reports its quotas when it is asked."""

    reported: Sequence[Quota] = ()
    trouble: Exception | None = None

    def read_quotas(self) -> None:
        if self.trouble:
            raise self.trouble
        self.platform.listener("fake", self.reported)


class Bench:
    """Holds a desk whose processes may end: each `restart` opens the database anew."""

    def __init__(self, folder: Path, clock: FixedClock) -> None:
        self.url = f"sqlite:///{folder / 'queue.db'}"
        self.database = Database.open(self.url)
        Base.metadata.create_all(self.database.engine)
        self.clock = clock
        self.platform = FakePlatform()
        self.channels = FakeChannels(self.platform, fake_profile())

    def restart(self) -> None:
        self.database.close()
        self.database = Database.open(self.url)

    def drain(self) -> int:
        worker = Worker(
            DeliveryContext(self.database, self.channels, FakeRenderer(), self.clock, SETTINGS),
            owner="me",
            jitter=random.Random(7),
        )
        return worker.drain("fake")

    def pass_time(self, **duration: float) -> None:
        """Move on to whatever is due next, and do it, until so much time is over."""
        end = self.clock.now() + timedelta(**duration)
        while True:
            self.drain()
            with self.database.reading() as session:
                due = next_due(session, self.clock.now())
            if due is None or due > end:
                break
            self.clock.instant = due
        self.clock.instant = end

    def add(self, title: str = "A title") -> int:
        with self.database.reading() as session:
            deliveries = len(list(session.scalars(select(Delivery.id))))
        return add_delivery(
            self.database, self.clock.now(), day_offset=deliveries, title=title, expires_in=timedelta(days=90)
        )

    def note(self, kind: QuotaKind, remaining: int, wait: timedelta = QUARTER) -> datetime:
        until = self.clock.now() + wait
        quota = Quota(kind=kind, name=f"{kind}, 15 min", maximum=100, remaining=remaining, resets_at=until)
        quotas.store_quotas(self.database, "fake", [quota], self.clock.now())
        return until

    def row(self, delivery: int) -> Delivery:
        return the_delivery(self.database, delivery)

    def remaining(self) -> dict[str, int]:
        with self.database.reading() as session:
            return {row.kind: row.remaining for row in session.scalars(select(operations.Quota))}

    def costs(self) -> list[int]:
        with self.database.reading() as session:
            return list(session.scalars(select(Attempt.cost_micros).where(Attempt.kind == "send").order_by(Attempt.id)))

    def events(self, name: str) -> int:
        with self.database.reading() as session:
            return len(list(session.scalars(select(Event).where(Event.name == name))))

    @property
    def sent(self) -> int:
        return len(self.platform.publish_calls)

    @property
    def paused(self) -> str:
        with self.database.reading() as session:
            return str(session.get_one(Channel, "fake").pause_problem or "")


@pytest.fixture
def bench(tmp_path: Path, clock: FixedClock) -> Iterator[Bench]:
    new_bench = Bench(tmp_path, clock)
    yield new_bench
    new_bench.database.close()


# --- quotas ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["posts", "media", "requests"])
def test_nothing_is_sent_before_a_used_up_quota_begins_anew_whoever_starts(bench: Bench, kind: QuotaKind) -> None:
    delivery = bench.add()
    until = bench.note(kind, 0)
    bench.drain()
    row = bench.row(delivery)
    assert (row.state, row.due_at) == ("pending", until)
    assert f"“{kind}, 15 min”" in str(row.problem)
    bench.restart()
    bench.clock.instant = until - timedelta(seconds=1)
    assert bench.drain() == 0
    assert (bench.platform.uploads, bench.sent) == (0, 0)
    bench.restart()
    bench.clock.instant = until
    assert bench.drain() == 1
    assert (bench.row(delivery).state, bench.sent) == ("published", 1)


def test_what_only_reads_keeps_no_post_waiting(bench: Bench) -> None:
    bench.add()
    bench.note("reading", 0)
    bench.drain()
    assert bench.sent == 1


def test_a_post_waits_until_all_its_pictures_fit_into_the_quota(bench: Bench) -> None:
    delivery = bench.add()
    with bench.database.writing() as session:
        row = session.get_one(Delivery, delivery)
        row.adapted = {**row.adapted, "images": row.adapted["images"] * 3}
    until = bench.note("media", 2)
    bench.drain()
    assert (bench.row(delivery).due_at, bench.platform.uploads) == (until, 0)
    bench.note("media", 3)
    bench.clock.instant = until - timedelta(seconds=1)
    operate_now(bench, delivery)
    assert bench.row(delivery).state == "published"


def operate_now(bench: Bench, delivery: int) -> None:
    """Ends the waits of the channel and the delivery, as the clock would."""
    with bench.database.writing() as session:
        session.get_one(Delivery, delivery).due_at = bench.clock.now()
        session.get_one(Channel, "fake").next_publish_at = None
    bench.drain()


def test_the_quota_of_an_answer_delays_the_next_post(bench: Bench) -> None:
    until = bench.clock.now() + QUARTER
    bench.platform.quotas = [Quota(kind="posts", name="posts", maximum=1, remaining=0, resets_at=until)]
    first, second = bench.add(), bench.add()
    bench.drain()
    assert [bench.row(delivery).state for delivery in (first, second)] == ["published", "pending"]
    assert (bench.sent, bench.row(second).due_at) == (1, until)


def test_a_request_whose_answer_was_lost_has_taken_from_the_quota(bench: Bench) -> None:
    bench.add()
    bench.note("posts", 1)
    bench.note("requests", 7)
    bench.note("reading", 3)
    bench.platform.after = [Unconfirmed(recorded_problem("the answer was lost"))]
    bench.drain()
    assert bench.remaining() == {"posts": 0, "requests": 6, "reading": 3}


def test_a_quota_that_is_used_up_meanwhile_still_keeps_the_request_back(bench: Bench) -> None:
    class Crowded(FakeAdapter):
        @classmethod
        def idempotency_key(cls, seed: KeySeed) -> str:
            bench.note("posts", 0)
            return super().idempotency_key(seed)

    bench.channels._adapter = Crowded
    delivery = bench.add()
    bench.drain()
    row = bench.row(delivery)
    assert (row.state, row.sent_at, row.idempotency_key, bench.sent) == ("pending", None, None, 0)


def test_look_ups_wait_for_their_own_quota(bench: Bench) -> None:
    delivery = bench.add()
    bench.platform.after = [Unconfirmed(recorded_problem("the answer was lost"))]
    bench.drain()
    until = bench.note("reading", 0)
    bench.clock.advance(seconds=30)
    assert bench.drain() == 0
    row = bench.row(delivery)
    assert (row.state, row.due_at, row.lookups) == ("unconfirmed", until, 0)
    bench.clock.instant = until
    bench.drain()
    assert (bench.row(delivery).state, bench.sent) == ("published", 1)


def test_a_platform_that_can_be_asked_is_asked_before_anything_is_sent(bench: Bench) -> None:
    until = bench.clock.now() + timedelta(hours=5)
    reported = [Quota(kind="posts", name="posts, a day", maximum=250, remaining=0, resets_at=until)]
    bench.channels._adapter = type("Asked", (AskableAdapter,), {"reported": reported})
    delivery = bench.add()
    bench.drain()
    assert (bench.row(delivery).due_at, bench.platform.uploads, bench.sent) == (until, 0, 0)


def test_a_platform_that_does_not_report_its_quotas_is_published_to(bench: Bench) -> None:
    bench.channels._adapter = type(
        "Mute", (AskableAdapter,), {"trouble": Unavailable(recorded_problem("no such thing"))}
    )
    bench.add()
    bench.drain()
    assert bench.sent == 1


def test_a_quota_that_can_not_be_stored_harms_nobody(bench: Bench) -> None:
    quota = Quota(kind="posts", name="posts", maximum=1, remaining=0, resets_at=bench.clock.now() + QUARTER)
    with capture_logs() as lines:
        quotas.store_quotas(bench.database, "no such channel", [quota], bench.clock.now())
    assert [line["event"] for line in lines] == ["a quota was not stored"]


# --- waits -----------------------------------------------------------------------------------


def test_a_wait_is_kept_to_the_second_over_restarts(bench: Bench) -> None:
    until = bench.clock.now() + timedelta(seconds=1234)
    bench.platform.before = [RateLimited(recorded_problem("wait"), retry_at=until)]
    bench.add()
    bench.add()
    bench.drain()
    for early in (1000, 10, 1):
        bench.restart()
        bench.clock.instant = until - timedelta(seconds=early)
        assert (bench.drain(), bench.sent) == (0, 1)
    bench.restart()
    bench.clock.instant = until
    assert (bench.drain(), bench.sent) == (2, 3)


@pytest.mark.parametrize("answer", ["published", "lost"])
def test_the_human_pace_holds_over_a_restart_and_a_lost_answer(bench: Bench, answer: str) -> None:
    bench.channels._profile = fake_profile(gap=60)
    bench.platform.after = [Unconfirmed(recorded_problem("the answer was lost"))] if answer == "lost" else []
    began = bench.clock.now()
    bench.add()
    second = bench.add()
    bench.drain()
    bench.restart()
    bench.clock.instant = began + timedelta(seconds=59)
    bench.drain()
    assert bench.row(second).state == "pending"
    bench.clock.instant = began + timedelta(seconds=180)
    bench.drain()
    assert (bench.row(second).state, bench.sent) == ("published", 2)


@pytest.mark.parametrize(("lasting", "shares"), [(False, (0.0, 1.0)), (True, (0.5, 1.0))])
def test_a_pause_is_anywhere_up_to_one_that_doubles(lasting: bool, shares: tuple[float, float]) -> None:
    pace = Pace(20, (10,), random.Random(7))
    for tries in range(1, 40):
        longest = min(20 * 2.0 ** (tries - 1), 900)
        shares_drawn = [pace.backoff(tries, lasting=lasting).total_seconds() / longest for _ in range(200)]
        assert shares[0] <= min(shares_drawn) < shares[0] + 0.1
        assert shares[1] - 0.1 < max(shares_drawn) <= shares[1]


# --- trouble ---------------------------------------------------------------------------------


def test_many_posts_share_one_pause_where_the_platform_is_down(bench: Bench) -> None:
    bench.platform.before = [Unavailable(recorded_problem("down"))] * 1000
    for _ in range(10):
        bench.add()
    bench.pass_time(hours=2)
    assert bench.sent <= 30, "as many as one post would try, and not ten times as many"
    bench.platform.before = []
    bench.pass_time(minutes=16)
    assert len(bench.platform.posts) == 10


def test_trouble_that_lasts_is_reported_once_and_ends_by_itself(bench: Bench) -> None:
    bench.platform.before = [Unavailable(recorded_problem("down"))] * 1000
    bench.add()
    with capture_logs() as lines:
        bench.pass_time(minutes=29)
        assert bench.events("channel in trouble") == 0
        bench.pass_time(hours=2)
        bench.restart()
        bench.pass_time(hours=1)
    assert bench.events("channel in trouble") == 1
    assert [line["event"] for line in lines].count("channel in trouble") == 1
    bench.platform.before = []
    bench.pass_time(minutes=16)
    with bench.database.reading() as session:
        assert channel_failures(session, "fake", bench.clock.now()).failures == 0
    assert (bench.paused, len(bench.platform.posts)) == ("", 1)


def test_a_person_need_not_wait_for_the_pause(bench: Bench) -> None:
    bench.platform.on_upload = [UnsupportedContent(recorded_problem("too big"))]
    first, waiting = bench.add(), bench.add()
    bench.platform.before = [Unavailable(recorded_problem("down"))]
    bench.drain()
    assert bench.row(waiting).due_at > bench.clock.now()
    operate.retry(bench.database, first, now=bench.clock.now(), actor="me")
    bench.drain()
    assert [bench.row(delivery).state for delivery in (first, waiting)] == ["published", "pending"]


def test_posts_refused_one_after_the_other_pause_the_channel(bench: Bench) -> None:
    bench.platform.before = [ContentRejected(recorded_problem("not welcome"))] * 5
    rows = [bench.add() for _ in range(5)]
    bench.drain()
    assert [bench.row(delivery).state for delivery in rows] == ["failed"] * 3 + ["pending"] * 2
    assert "3 posts in a row were refused" in bench.paused
    assert (bench.sent, bench.events("channel paused")) == (3, 1)
    operate.resume(bench.database, "fake", now=bench.clock.now(), actor="me")
    bench.drain()
    assert (bench.sent, bench.events("channel paused")) == (4, 2)
    bench.platform.before = []
    operate.resume(bench.database, "fake", now=bench.clock.now(), actor="me")
    bench.drain()
    assert bench.row(rows[4]).state == "published"


def test_remembered_texts_are_no_trouble_of_the_channel(bench: Bench) -> None:
    """The reserve repeats its posts: a platform that refuses their old texts takes a new one."""
    bench.platform.before = [TextRemembered(recorded_problem("a post with this very text is there"))] * 4
    rows = [bench.add() for _ in range(5)]
    bench.drain()
    assert [bench.row(delivery).state for delivery in rows] == ["failed"] * 4 + ["published"]
    assert bench.paused == ""


def test_one_post_refused_again_and_again_is_no_trouble_of_the_channel(bench: Bench) -> None:
    bench.platform.before = [ContentRejected(recorded_problem("not welcome"))] * 5
    delivery = bench.add()
    for _ in range(5):
        bench.drain()
        operate.retry(bench.database, delivery, now=bench.clock.now(), actor="me")
    assert bench.paused == ""


def test_a_challenge_while_reading_back_pauses_at_once(bench: Bench) -> None:
    class Challenged(FakeAdapter):
        def read_publication(self, remote_id: str) -> PublishedPost | None:
            self.platform.uploads += 100
            raise CredentialsRefused(recorded_problem("show yourself in the app"))

    bench.channels._adapter = Challenged
    bench.add()
    bench.drain()
    bench.platform.uploads = 0
    bench.platform.account_trouble = CredentialsRefused(recorded_problem("show yourself in the app"))
    bench.pass_time(hours=3)
    assert bench.paused == "show yourself in the app"
    assert bench.platform.uploads == 100, "asked once, and not again until somebody has mended it"


# --- money -----------------------------------------------------------------------------------


@pytest.fixture
def priced(bench: Bench) -> Bench:
    bench.channels._profile = fake_profile().model_copy(update={"prices": PRICES})
    return bench


@pytest.mark.parametrize(
    ("after", "before", "micros"),
    [
        (None, None, 110_000),
        (Unconfirmed(recorded_problem("lost")), None, 110_000),
        (None, Unconfirmed(recorded_problem("lost")), 110_000),
        (None, ContentRejected(recorded_problem("no")), 110_000),
        (None, Unavailable(recorded_problem("not reached")), 10_000),
        (None, CredentialsRefused(recorded_problem("who?")), 10_000),
    ],
)
def test_what_may_have_been_charged_counts(
    priced: Bench, after: Exception | None, before: Exception | None, micros: int
) -> None:
    priced.platform.after = [after] if after else []
    priced.platform.before = [before] if before else []
    priced.add()
    priced.drain()
    assert priced.costs() == [micros]


def test_what_was_never_sent_costs_nothing(priced: Bench) -> None:
    priced.platform.on_upload = [Unavailable(recorded_problem("not reached"))]
    priced.add("See example.org")
    priced.drain()
    assert priced.costs() == [0]
    priced.pass_time(minutes=1)
    assert priced.costs() == [0, 1_010_000]


def test_a_post_that_would_pass_the_budget_is_held_unsent(priced: Bench) -> None:
    priced.channels.budget = 0.33
    for _ in range(3):
        priced.add()
    priced.drain()
    over = priced.add()
    uploads = priced.platform.uploads
    priced.restart()
    priced.drain()
    row = priced.row(over)
    assert (row.state, row.sent_at, priced.sent, priced.platform.uploads) == ("held", None, 3, uploads)
    assert f"raise channels.fake.monthly_budget, or wait for 2026-06-01. Then: publisher retry {over}" in str(
        row.problem
    )
    assert priced.paused == ""
    priced.clock.instant = datetime.fromisoformat("2026-05-31T23:00:00+00:00") - timedelta(seconds=1)
    operate.retry(priced.database, over, now=priced.clock.now(), actor="me")
    priced.drain()
    assert priced.row(over).state == "held"
    priced.clock.advance(seconds=1)
    operate.retry(priced.database, over, now=priced.clock.now(), actor="me")
    priced.drain()
    assert priced.row(over).state == "published"


def test_a_thread_is_not_begun_that_the_budget_would_break_off(priced: Bench) -> None:
    priced.channels.budget = 0.30
    delivery = add_delivery(priced.database, priced.clock.now(), thread=("more", "and more"))
    priced.drain()
    assert (priced.row(delivery).state, priced.sent) == ("held", 0)


def test_people_are_warned_once_at_four_fifths(priced: Bench) -> None:
    priced.channels.budget = 1.0
    with capture_logs() as lines:
        for _ in range(9):
            priced.add()
            priced.drain()
    warned = [line["spent"] for line in lines if line["event"] == "budget nearly spent"]
    assert warned == ["about $0.88 in May 2026, 88 % of its budget of $1.00"]


def test_without_a_budget_costs_are_only_summed(priced: Bench) -> None:
    for _ in range(3):
        priced.add("See example.org")
    priced.drain()
    assert priced.costs() == [1_010_000] * 3


def test_many_machines_share_quotas_and_sums(postgres_database: Database, clock: FixedClock) -> None:
    platform = FakePlatform()
    channels = FakeChannels(platform, fake_profile().model_copy(update={"prices": PRICES}))
    channels.budget = 0.12
    until = clock.now() + QUARTER
    platform.quotas = [Quota(kind="posts", name="posts", maximum=1, remaining=0, resets_at=until)]
    rows = [add_delivery(postgres_database, clock.now(), day_offset=day) for day in range(2)]

    def drain(owner: str) -> None:
        Worker(DeliveryContext(postgres_database, channels, FakeRenderer(), clock, SETTINGS), owner=owner).drain("fake")

    drain("one")
    drain("another")
    second = the_delivery(postgres_database, rows[1])
    assert (second.state, second.due_at, len(platform.publish_calls)) == ("pending", until, 1)
    clock.instant = until
    drain("another")
    second = the_delivery(postgres_database, rows[1])
    assert (second.state, len(platform.publish_calls)) == ("held", 1)
    assert "about $0.11 in May 2026" in str(second.problem)
